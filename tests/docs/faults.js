// What a reader cannot read on this page, as sentences: tables that are cut off, and text that scrolls sideways.
() => {
  const found = new Set();
  const said = (fault, element) => found.add(`${fault}: ${(element.innerText || element.tagName).slice(0, 60)}`);
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1) found.add("the page scrolls sideways");

  // Code and tables may scroll in a frame of their own. Nothing else may.
  const frame = "pre, .pst-scrollable-table-container";
  for (const element of document.querySelectorAll("body *")) {
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(element).overflowX);
    if (scrolls && element.scrollWidth > element.clientWidth + 1 && !element.matches(frame) && visible(element))
      said("text scrolls sideways", element);
  }

  // Walk up to the frame that scrolls; what hides the rest before that cuts it off.
  const cutOff = (element) => {
    const { right } = element.getBoundingClientRect();
    for (let above = element.parentElement; above; above = above.parentElement) {
      const overflow = getComputedStyle(above).overflowX;
      if (above.matches(frame) && ["auto", "scroll"].includes(overflow)) return false;
      if (["hidden", "clip"].includes(overflow) && right > above.getBoundingClientRect().right + 1) return true;
    }
    return right > root.clientWidth + 1;
  };
  for (const element of document.querySelectorAll("table, table *")) {
    if (!visible(element)) continue;
    if (cutOff(element)) said("a part of a table is cut off", element);
    if (element.matches("td, th") && element.scrollWidth > element.clientWidth + 1) said("a cell is too narrow", element);
  }
  return [...found];
}
