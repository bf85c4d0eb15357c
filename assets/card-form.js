// Puts the card processor's frame into our page and saves the card there. The number never passes through here.
(() => {
  "use strict";
  const form = document.getElementById("card-form");
  const button = document.getElementById("card-save");
  const trouble = document.getElementById("card-error");
  const label = button.textContent;

  const say = (words) => {
    trouble.textContent = words;
    trouble.hidden = !words;
  };

  if (typeof Stripe === "undefined") {
    say("The card processor's form could not be loaded. Please allow it in your browser, or try again in a minute.");
    return;
  }
  const processor = Stripe(form.dataset.key);
  const look = getComputedStyle(document.body);
  const style = { base: { color: look.color, fontFamily: look.fontFamily, fontSize: "16px" } };
  const card = processor.elements().create("card", { style });
  card.mount("#card-frame");
  card.on?.("change", (event) => say(event?.error?.message ?? ""));
  button.disabled = false;

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    button.disabled = true;
    button.textContent = "Asking your bank…";
    say("");
    let answer;
    try {
      answer = await processor.confirmCardSetup(form.dataset.secret, { payment_method: { card } });
    } catch {
      answer = { error: { message: "The card processor does not answer. Please try again." } };
    }
    if (answer.error) {
      say(answer.error.message ?? "The card could not be saved. Please try another one.");
      button.disabled = false;
      button.textContent = label;
      return;
    }
    location.assign(form.dataset.done);
  });
})();
