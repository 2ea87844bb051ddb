// Cards that fill in by themselves: over server-sent events, or by asking now and again where nothing comes that way.
(() => {
  "use strict";
  const ASK_MILLISECONDS = 4000;
  // An open stream speaks every 15 seconds, unless something on the way holds it back.
  const SILENT_MILLISECONDS = 20000;
  const SAY_MILLISECONDS = 10000;
  const cards = document.querySelector("[data-events]");
  if (!cards) return;
  const spoken = document.querySelector(".spoken");
  const title = document.title.replace(/^\d+ of \d+: /, "");
  let events = null;
  let heard = Date.now();
  let said = Date.now();

  const parse = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  };

  const focusIn = (part) => (part.contains(document.activeElement) ? document.activeElement : null);

  // Where somebody was in a part that has been replaced, they are on the same button again, or on the next best thing.
  const keepFocus = (focused, part) => {
    if (!focused) return;
    const same = focused.formAction && [...part.querySelectorAll("button")].find((button) => button.formAction === focused.formAction);
    (focused.isConnected ? focused : same || part.querySelector("a, summary, button"))?.focus({ preventScroll: true });
  };

  // A card that was rendered earlier never takes the place of a newer one, whichever way it came.
  const showCard = (card) => {
    const old = document.getElementById(card.id);
    if (!old || old.dataset.version >= card.dataset.version) return;
    const focused = focusIn(old);
    // Somebody may be reading the whole prompt, which never changes.
    const details = old.querySelector("details");
    if (details) card.querySelector("details")?.replaceWith(details);
    old.replaceWith(card);
    keepFocus(focused, card);
  };

  const showProgress = (progress) => {
    const old = document.querySelector(".progress");
    const focused = focusIn(old);
    old.replaceWith(progress);
    keepFocus(focused, progress);
    document.title = `${progress.dataset.title}: ${title}`;
    if (Date.now() - said < SAY_MILLISECONDS && !progress.classList.contains("over")) return;
    said = Date.now();
    spoken.textContent = progress.querySelector("p").textContent;
  };

  // Why a job waits changes although the job does not.
  const showWaits = (waits) => {
    for (const [job, text] of Object.entries(waits)) {
      const why = document.querySelector(`[id="card-${job}"][data-state=queued] .why`);
      if (why) why.textContent = text;
    }
  };

  const listen = () => {
    const show = { card: showCard, progress: showProgress };
    events = new EventSource(cards.dataset.events);
    for (const name of Object.keys(show)) {
      events.addEventListener(name, (event) => {
        heard = Date.now();
        show[name](parse(event.data));
      });
    }
    events.addEventListener("waits", (event) => {
      heard = Date.now();
      showWaits(JSON.parse(event.data));
    });
    events.addEventListener("done", () => events.close());
  };

  const ask = async () => {
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      heard = Date.now();
      page.querySelectorAll("li.card").forEach(showCard);
      const progress = page.querySelector(".progress");
      if (progress) showProgress(progress);
    } catch {
      // The server is away for the moment; the next time it may be back.
    }
  };

  // A browser has six connections to one server for all its tabs together: a tab that nobody sees keeps none of them.
  const openOrClose = () => {
    events?.close();
    if (!document.hidden) listen();
  };

  const check = async () => {
    if (document.querySelector(".progress:not(.over), [data-state=queued], [data-state=running]")) {
      const isPatient = document.hidden || events?.readyState === EventSource.OPEN;
      if (Date.now() - heard >= (isPatient ? SILENT_MILLISECONDS : ASK_MILLISECONDS)) await ask();
      setTimeout(check, ASK_MILLISECONDS);
    } else {
      events?.close();
      document.removeEventListener("visibilitychange", openOrClose);
    }
  };

  document.addEventListener("visibilitychange", openOrClose);
  openOrClose();
  setTimeout(check, ASK_MILLISECONDS);
})();
