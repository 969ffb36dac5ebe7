// The page works without this: it adds filters to the table of jobs, the words of a mark next to the pointer, and opens
// the part of the analysis that a link leads into.
(() => {
  "use strict";
  const form = document.querySelector("form.filters");
  const rows = [...document.querySelectorAll("#job-table tbody tr")];

  const filter = () => {
    const { step, state } = form.elements;
    let shown = 0;
    for (const row of rows) {
      row.hidden = (step.value && row.dataset.step !== step.value) || (state.value && row.dataset.state !== state.value);
      shown += !row.hidden;
    }
    form.querySelector("output").textContent = `${shown.toLocaleString("en")} ${shown === 1 ? "job" : "jobs"}`;
  };

  form.hidden = false;
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  filter();

  const tip = document.getElementById("tip");
  document.addEventListener("pointermove", (event) => {
    const mark = event.target.closest?.(".chart [aria-label][role='graphics-symbol']:not([aria-roledescription='axis'])");
    tip.hidden = !mark;
    if (!mark) return;
    tip.textContent = mark.getAttribute("aria-label");
    tip.style.left = `${Math.min(event.clientX + 14, document.documentElement.clientWidth - tip.offsetWidth - 8)}px`;
    tip.style.top = `${event.clientY + 18}px`;
  });

  const open = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const closed = target?.closest("details:not([open])");
    if (!closed) return;
    closed.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", open);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => (each.open = true)));
  open();
})();
