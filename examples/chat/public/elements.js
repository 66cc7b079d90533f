/** Small builders for DOM nodes. Text goes in as text, never as markup. */

/**
 * The element with this id; a page without it is broken, so that is an error.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new TypeError(`the page has no ${type.name} #${id}`);
  return found;
}

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
export function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A framework's name in its own colour. @param {string} framework */
export function frameworkName(framework) {
  return element("span", { class: "framework", "data-framework": framework }, framework);
}
