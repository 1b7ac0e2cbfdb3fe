/* What the explorers of the book's pages share.

   An explorer is an element `<section data-explorer="NAME">` that a notebook wrote (`analysis.widgets`):
   static text for readers without JavaScript, and the data as JSON. This script is on every page and
   fetches NAME.js, from beside itself, only where the page has such an element. Plain scripts rather
   than modules: browsers refuse to load modules from a folder opened from disk, and the book is to be
   read there as well. No library, no inline code, no eval: a strict content-security policy holds.
   Nothing moves by itself but what a reader threw (plane.js), and that not under prefers-reduced-motion. */
"use strict";

window.Explorers = (() => {
  const folder = document.currentScript.src.replace(/[^/]*$/, "");
  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children);
    return node;
  }

  /** An HTML element: `make("p", {class: "x", onclick: f}, "text", child)`. */
  const make = (tag, attributes = {}, ...children) =>
    fill(document.createElement(tag), attributes, children);

  /** The same for SVG. */
  const draw = (tag, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, tag), attributes, children);

  /** Bytes of a base64 text. */
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

  /** A number as the prose shows it: as many digits as tell something. */
  function text(value, digits = 2) {
    if (!Number.isFinite(value)) return "∞";
    if (value !== 0 && Math.abs(value) < 10 ** -digits) return value.toPrecision(2).replace("e-", "·10^−");
    return value.toFixed(digits).replace("-", "−");
  }

  /** Levels in words: runs of true, "0–63 and 192–255". */
  function runs(pattern) {
    const found = [];
    pattern.forEach((fires, level) => {
      if (fires && (level === 0 || !pattern[level - 1])) found.push([level, level]);
      else if (fires) found[found.length - 1][1] = level;
    });
    return found;
  }

  function inWords(pattern, most = 6) {
    const found = runs(pattern);
    if (found.length === 0) return "no level";
    const parts = found.slice(0, most).map(([a, b]) => (a === b ? `${a}` : `${a}–${b}`));
    if (found.length > most) parts.push(`${found.length - most} more runs`);
    const last = parts.pop();
    return `level${parts.length || last.includes("–") ? "s" : ""} ${parts.length ? `${parts.join(", ")} and ` : ""}${last}`;
  }

  /** A row of colours, 256 × 3 bytes, as a picture of 256 × 1 pixels that style sheets stretch. */
  function strip(label) {
    const canvas = make("canvas", { width: 256, height: 1, role: "img", "aria-label": label });
    canvas.paint = (table) => {
      const context = canvas.getContext("2d");
      const pixels = context.createImageData(256, 1);
      pixels.data.fill(255);
      for (let level = 0; level < 256; level++) {
        pixels.data.set(table.subarray(3 * level, 3 * level + 3), 4 * level);
      }
      context.putImageData(pixels, 0, 0);
    };
    return canvas;
  }

  /** A picture on a canvas: `colour(k)` gives the three bytes of pixel k. */
  function paint(canvas, width, height, colour) {
    Object.assign(canvas, { width, height, className: Math.min(width, height) > 100 ? "fine" : "" });
    const context = canvas.getContext("2d"), pixels = context.createImageData(width, height);
    for (let k = 0; k < width * height; k++) pixels.data.set([...colour(k), 255], 4 * k);
    context.putImageData(pixels, 0, 0);
  }

  /** Runs of levels back to 256 truths; what a notebook hands over of a pattern. */
  const patternOf = (found) =>
    Array.from({ length: 256 }, (_, level) => found.some(([a, b]) => a <= level && level <= b));

  /** A pattern over the levels, as a row of bars. */
  function bars() {
    const path = draw("path");
    const node = draw("svg", { viewBox: "0 0 256 1", preserveAspectRatio: "none", role: "img" }, path);
    node.paint = (pattern, label) => {
      path.setAttribute("d", runs(pattern).map(([a, b]) => `M${a} 0H${b + 1}V1H${a}z`).join(""));
      node.setAttribute("aria-label", label);
    };
    return node;
  }

  /** A slider with its name and its value in words. */
  function slider(name, attributes, onInput) {
    const shown = make("span", { class: "explorer-value", "aria-hidden": "true" }); // the slider says it itself
    const input = make("input", { type: "range", ...attributes, oninput: () => onInput(Number(input.value)) });
    const node = make("label", { class: "explorer-slider" }, make("span", {}, name), input, shown);
    return {
      node,
      input,
      show(value, words) {
        input.value = value;
        input.setAttribute("aria-valuetext", words);
        shown.textContent = words;
      },
    };
  }

  /** A list to choose from. */
  function choice(name, options, onChange) {
    const list = make("select", { onchange: () => onChange(list.value) });
    list.append(...options.map((option) => make("option", { value: option }, option)));
    return { node: make("label", { class: "explorer-choice" }, make("span", {}, name), list), list };
  }

  /** Says a result to screen readers, once it has stood for a moment. */
  function announcer() {
    let timer = 0;
    const node = make("p", { class: "explorer-status", role: "status", "aria-live": "polite" });
    node.say = (words) => {
      clearTimeout(timer);
      timer = setTimeout(() => { if (node.textContent !== words) node.textContent = words; }, 400);
    };
    return node;
  }

  /** The view in the page's address, `#NAME?map=jet&…`: read when the page opens or the address
      changes, written when the reader has changed something. In the fragment, because that is
      never sent anywhere and works from disk as well. */
  function address(name, root, restore) {
    let timer = 0;
    const link = make("a", { class: "explorer-link", href: `#${name}` }, "Link to this view");
    const fragment = (state) => `#${name}?${new URLSearchParams(state)}`;
    const read = () => {
      const [place, query] = location.hash.slice(1).split("?");
      if (place !== name || query === undefined) return false;
      restore(new URLSearchParams(query));
      return true;
    };
    addEventListener("hashchange", read);
    return {
      link,
      /** Take the address's view, if it names one, and bring it into sight. */
      open() {
        if (!read()) return;
        const show = () => root.scrollIntoView({ behavior: "instant" });
        show();
        if (document.readyState !== "complete") addEventListener("load", show, { once: true });
      },
      /** Note a view; browsers allow few changes of the address in a row, so wait for a pause. */
      write(state, changed) {
        link.setAttribute("href", fragment(state));
        clearTimeout(timer);
        if (changed) timer = setTimeout(() => history.replaceState(history.state, "", fragment(state)), 200);
      },
    };
  }

  const roots = (name) => document.querySelectorAll(`[data-explorer="${name}"]`);

  /** Called by NAME.js: `start(root, data)` returns the nodes that replace the static text. */
  function define(name, start) {
    for (const root of roots(name)) {
      const data = JSON.parse(root.querySelector("script[type='application/json']").textContent);
      const live = make("div", { class: "explorer-live" });
      root.append(live);
      try {
        start(root, data, live);
      } catch (error) {
        live.remove(); // the static text stays
        throw error;
      }
      root.querySelector(".explorer-static").hidden = true;
      root.dataset.ready = "";
    }
  }

  const needs = { jpeg: ["codec"], drop: ["codec"] };
  const names = [...document.querySelectorAll("[data-explorer]")].map((root) => root.dataset.explorer);
  for (const name of new Set(names.flatMap((name) => [...(needs[name] ?? []), name]))) {
    const script = make("script", { src: `${folder}${name}.js` });
    script.async = false; // in this order
    document.head.append(script);
  }

  return { address, announcer, bars, bytes, choice, define, draw, inWords, make, paint, patternOf, runs, slider, strip, text };
})();
