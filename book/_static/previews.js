/* What a reference leads to, without leaving: a figure, a formula, a theorem, a work that is cited.

   Pointing at the link or moving to it with the keyboard shows it, Escape closes it; what is on another page of the
   site is fetched from there. On a touch screen the first tap on a word of the glossary shows its definition. */
"use strict";

addEventListener("DOMContentLoaded", () => {
  const links = '.bd-article a[href*="#"]:not(.headerlink, [data-definition])';
  const shown = "figure, div.math, div.proof, .citation";
  const tip = document.createElement("div");
  const pages = new Map([[location.pathname, Promise.resolve(document)]]);
  let current = null, timer = 0;
  Object.assign(tip, { id: "preview", className: "bd-content preview", hidden: true });
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);

  function page(url) {
    if (!pages.has(url.pathname)) {
      const read = async () => new DOMParser().parseFromString(await (await fetch(url)).text(), "text/html");
      pages.set(url.pathname, read().catch(() => null));  // from disk nothing is fetched: no preview
    }
    return pages.get(url.pathname);
  }

  /* A copy for looking at: no name or link twice on the page. */
  function copy(target, url) {
    const found = target.cloneNode(true);
    for (const image of found.querySelectorAll("img")) {
      image.src = new URL(image.getAttribute("src"), url);
      image.loading = "eager";
    }
    for (const link of found.querySelectorAll("a")) link.replaceWith(...(link.matches(".headerlink") ? [] : link.childNodes));
    for (const part of [found, ...found.querySelectorAll("[id]")]) part.removeAttribute("id");
    return found;
  }

  async function show(link) {
    current = link;
    const url = new URL(link.href);
    const from = url.origin === location.origin && await page(url);
    const target = from && from.getElementById(decodeURIComponent(url.hash.slice(1)))?.closest(shown);
    if (!target || current !== link || target.contains(link)) return;
    tip.replaceChildren(copy(target, url));
    if (from !== document) await window.MathJax?.typesetPromise?.([tip]);
    tip.hidden = false;
    await Promise.all([...tip.querySelectorAll("img")].map((image) => image.decode().catch(() => {})));
    const place = link.getClientRects()[0], box = tip.getBoundingClientRect();
    const below = place.bottom + box.height + 8 < innerHeight || place.top < box.height + 8;
    tip.style.left = `${Math.max(8, Math.min(place.left, document.documentElement.clientWidth - box.width - 8))}px`;
    tip.style.top = `${below ? place.bottom + 4 : place.top - box.height - 4}px`;
    link.setAttribute("aria-describedby", tip.id);
  }

  function hide() {
    clearTimeout(timer);
    current?.removeAttribute("aria-describedby");
    current = null;
    tip.hidden = true;
  }

  const soon = (act, ...what) => { clearTimeout(timer); timer = setTimeout(act, 250, ...what); };
  addEventListener("pointerover", ({ target, pointerType }) => {
    const link = pointerType === "mouse" && target.closest?.(links);
    if (tip.contains(target) || (link && link === current)) clearTimeout(timer);
    else if (link) soon((next) => { hide(); show(next); }, link);
    else soon(hide);
  });
  addEventListener("focusin", ({ target }) => { hide(); if (target.matches(links) && target.matches(":focus-visible")) show(target); });
  addEventListener("keydown", ({ key }) => { if (key === "Escape") hide(); });
  addEventListener("scroll", ({ target }) => { if (!tip.hidden && !tip.contains(target)) hide(); }, true);

  addEventListener("click", (event) => {
    const word = event.target.closest?.(".bd-article a[data-definition]");
    if (word && event.pointerType === "touch" && !word.classList.contains("open")) event.preventDefault();
    for (const other of document.querySelectorAll("a.open")) other.classList.remove("open");
    if (event.defaultPrevented) word.classList.add("open");
  });
});
