// Pictures in full, one after the other: by arrow keys, swipes and buttons. The page of each is a link away.
(() => {
  "use strict";
  const lightbox = new PhotoSwipeLightbox({
    gallery: "main",
    children: "ol.cards a[data-pswp-src]",
    pswpModule: PhotoSwipe,
    bgOpacity: 0.94,
    loop: false,
    padding: { top: 48, bottom: 96, left: 12, right: 12 },
  });

  // A picture whose size nobody wrote down tells it once it is loaded: until then it is a square.
  lightbox.addFilter("domItemData", (item, element) => {
    const image = element.querySelector("img");
    item.w ||= image.naturalWidth || 1024;
    item.h ||= image.naturalHeight || 1024;
    item.alt = image.alt;
    return item;
  });

  const caption = (element, pswp) => {
    const card = pswp.currSlide.data.element.closest("li.card");
    const prompt = document.createElement("p");
    prompt.dir = "auto";
    prompt.textContent = card.querySelector(".prompt").textContent;
    const page = document.createElement("a");
    page.href = pswp.currSlide.data.element.href;
    page.textContent = "Details";
    const origin = document.createElement("p");
    origin.textContent = card.querySelector(".origin")?.textContent ?? "";
    origin.append(" ", page);
    element.replaceChildren(prompt, origin);
  };

  lightbox.on("uiRegister", () => {
    lightbox.pswp.ui.registerElement({
      name: "told",
      order: 9,
      isButton: false,
      appendTo: "root",
      onInit: (element, pswp) => pswp.on("change", () => caption(element, pswp)),
    });
  });
  lightbox.on("afterInit", () => lightbox.pswp.element.setAttribute("aria-label", "Pictures in full"));

  // While a picture is shown in full there is one more entry of history, at the same address, for Back to leave.
  let hasEntry = false;
  const closeIfBack = () => {
    if (!hasEntry || history.state?.isInFull) return;
    hasEntry = false;
    const { pswp } = lightbox;
    pswp.close();
    // One that is still opening cannot be closed yet.
    if (!pswp.isDestroying) pswp.on("openingAnimationEnd", () => pswp.close());
  };
  lightbox.on("afterInit", () => {
    history.pushState({ isInFull: true }, "");
    hasEntry = true;
  });
  lightbox.on("close", () => {
    if (hasEntry) history.back();
    hasEntry = false;
  });
  addEventListener("popstate", closeIfBack);
  // Loaded again, or come back to from the page of a picture: none is shown.
  if (history.state?.isInFull) history.back();
  lightbox.init();
})();
