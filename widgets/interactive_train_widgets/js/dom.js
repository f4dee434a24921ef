/* Small helpers over the DOM. */

const FOCUSABLE = new Set(["button", "input", "select", "summary"]);

// An element: h("button", {class: "it-chip", onclick: f}, "text", child, ...).
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  // JupyterLab takes arrow keys away from every focused element that does not say this.
  if (FOCUSABLE.has(tag)) node.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

// Change text only when it differs: a running page must not be laid out for nothing.
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function mark(node, name, value) {
  const text = String(value);
  if (node.getAttribute(name) !== text) node.setAttribute(name, text);
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

export function chip(text, label, onclick) {
  return h("button", { type: "button", class: "it-chip", "aria-pressed": "false", title: label, onclick }, text);
}

// A table from titles and rows of text.
export function table(titles, rows, caption) {
  return h(
    "table",
    { class: "it-table" },
    h("caption", { class: "it-hidden" }, caption),
    h("thead", {}, h("tr", {}, ...titles.map((t) => h("th", { scope: "col" }, t)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell))))),
  );
}
