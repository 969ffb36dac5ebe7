// What cannot be read on this page, as sentences: tables that are cut off, broken words, and text that scrolls sideways.
() => {
  const found = new Set();
  const said = (fault, element) => found.add(`${fault}: ${(element.innerText || element.tagName).slice(0, 60)}`);
  const visible = (element) => element.checkVisibility({ visibilityProperty: true });
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth + 1) found.add("the page scrolls sideways");

  // Code and tables may scroll in a frame of their own. Nothing else may.
  const frame = "pre, .pst-scrollable-table-container, .frame";
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

  // A word of usual length keeps to one line. A break after a hyphen or a slash is a good one.
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (!text.parentElement.closest("td, th") || text.parentElement.closest("code") || !visible(text.parentElement)) continue;
    for (const word of text.data.matchAll(/(?<!\S)[\p{L}\p{N},.]{2,12}(?!\S)/gu)) {
      const range = document.createRange();
      range.setStart(text, word.index);
      range.setEnd(text, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map((each) => Math.round(each.top)));
      if (lines.size > 1) said(`the word ${word[0]} is broken`, text.parentElement);
    }
  }
  return [...found];
}
