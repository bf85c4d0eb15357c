// Narrows the nodes down without loading the page again: the same address is asked for, and its parts are put in place.
(() => {
  "use strict";

  const form = document.querySelector("form[data-sieve]");
  if (!form) return;
  const said = document.querySelector("[data-say]");
  let asked = null;

  // What the form asks for, without what it leaves open.
  function address() {
    const wanted = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) wanted.append(name, value);
    const query = wanted.toString();
    return form.getAttribute("action") + (query ? `?${query}` : "");
  }

  // Where the keyboard is, in words that find the same place in another page.
  function held() {
    const here = document.activeElement;
    if (!here || here === document.body) return null;
    const { field, value } = here.dataset;
    if (field) return `a[data-field="${field}"][data-value="${CSS.escape(value)}"]`;
    if (here.type === "radio") return `input[name="${here.name}"][value="${CSS.escape(here.value)}"]`;
    if (here.id) return `#${CSS.escape(here.id)}`;
    const href = here.getAttribute("href");
    return href ? `a[href="${CSS.escape(href)}"]` : null;
  }

  function adopt(page) {
    const place = held();
    for (const part of document.querySelectorAll("[data-part]")) {
      const fresh = page.querySelector(`[data-part="${part.dataset.part}"]`);
      // As text: options that are moved one by one out of a list leave the choice behind with whoever is next.
      if (fresh && fresh.innerHTML !== part.innerHTML) part.innerHTML = fresh.innerHTML;
    }
    for (const control of form.elements) {
      const fresh = control.id && page.getElementById(control.id);
      if (!fresh) continue;
      for (const name of ["aria-invalid", "aria-describedby"]) {
        if (fresh.hasAttribute(name)) control.setAttribute(name, fresh.getAttribute(name)); else control.removeAttribute(name);
      }
      if (control.type === "text" && control !== document.activeElement) control.value = fresh.value;
      if (control.type === "checkbox") { control.checked = fresh.checked; control.value = fresh.value; }
    }
    const look = page.querySelector('form[data-sieve] input[name="look"]');
    form.querySelector('input[name="look"]')?.remove();
    if (look) form.prepend(look);
    for (const button of document.querySelectorAll("[data-copy]")) if (navigator.clipboard) button.hidden = false;
    const count = page.querySelector("[data-say]");
    if (count && said && said.textContent !== count.textContent) said.textContent = count.textContent;
    if (place && !document.activeElement?.matches(place)) document.querySelector(place)?.focus({ preventScroll: true });
  }

  async function go(href, keep) {
    asked?.abort();
    asked = new AbortController();
    const mine = asked;
    try {
      const answer = await fetch(href, { signal: mine.signal });
      if (answer.status !== 200 && answer.status !== 422) throw new Error("another page");
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (!page.querySelector("form[data-sieve]")) throw new Error("another page");
      if (keep) history.pushState(null, "", href);
      adopt(page);
    } catch (error) {
      // A newer wish is under way; or the page itself has to say what is the matter.
      if (!mine.signal.aborted) location.assign(href);
    }
  }

  // The list of orders stands outside of the form, and belongs to it.
  document.addEventListener("change", (event) => {
    if (event.target.form === form) go(address(), true);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go(address(), true);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-sieve-link]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go(link.getAttribute("href"), true);
  });
  addEventListener("popstate", () => go(location.pathname + location.search, false));
})();
