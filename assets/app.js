// Improves pages that work without it: live progress, copy buttons. Nothing here decides anything.
(() => {
  "use strict";

  // Swaps in the fragments the server sends, until one says that it is the last.
  for (const box of document.querySelectorAll("[data-live]")) {
    if (box.querySelector("[data-end]")) continue;
    const said = document.querySelector("[data-said]");
    let last = box.querySelector("[data-say]")?.textContent ?? "";
    const source = new EventSource(box.dataset.live);
    source.addEventListener("message", (event) => {
      const fresh = new DOMParser().parseFromString(event.data, "text/html").body;
      // Whoever had come to a link with the keyboard is still there afterwards.
      const held = box.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      box.replaceChildren(...fresh.childNodes);
      for (const button of box.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
      if (held) [...box.querySelectorAll("a")].find((link) => link.getAttribute("href") === held)?.focus({ preventScroll: true });
      // A tab in the background says in its title how far it is.
      const heading = box.querySelector("h1")?.textContent;
      if (heading) document.title = `${heading} · ${document.title.split(" · ").at(-1)}`;
      // Screen readers hear the one sentence that changed, not the whole list again.
      const sentence = box.querySelector("[data-say]")?.textContent ?? "";
      if (said && sentence !== last) said.textContent = last = sentence;
      if (box.querySelector("[data-end]")) source.close();
    });
    // The time that has passed moves by itself, without touching what is around it.
    source.addEventListener("clock", (event) => {
      const clock = box.querySelector("[data-clock]");
      if (clock) clock.textContent = event.data;
    });
    // A stream that is refused, say by a proxy while we start again, is given up by the browser. Without a script the page loads itself again;
    // with one it does so too.
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 4000);
    });
    addEventListener("pagehide", () => source.close());
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  // On a phone the row of pages scrolls: show where we are.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // Buttons that copy come and go with the parts of a page: the page itself listens.
  if (navigator.clipboard) {
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
    document.addEventListener("click", async (event) => {
      const button = event.target.closest?.("[data-copy]");
      if (!button) return;
      const words = button.firstChild;
      const before = words.textContent;
      if (before === "Copied") return;
      await navigator.clipboard.writeText(button.dataset.copy);
      words.textContent = "Copied";
      setTimeout(() => { words.textContent = before; }, 2000);
    });
  }
})();
