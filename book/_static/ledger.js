/* Filters of the ledger: which verdicts, and which kinds of evidence, are shown.

   Without this script every row is there, to be opened by itself. */
"use strict";

addEventListener("DOMContentLoaded", () => {
  const ledger = document.querySelector(".bd-content .ledger");
  if (!ledger) return;
  const rows = [...ledger.querySelectorAll("details.claim")];
  const groups = {
    Verdict: ["holds", "holds with limits", "fails", "undecided"],
    Evidence: ["proved", "computed", "measured"],
  };
  const slug = (word) => `is-${word.replaceAll(" ", "-")}`;
  const chosen = Object.fromEntries(Object.keys(groups).map((name) => [name, new Set()]));
  const bar = document.createElement("div");
  const count = document.createElement("p");
  bar.className = "ledger-filters";
  count.setAttribute("role", "status");

  function show() {
    const fits = (row) => Object.values(chosen).every(
      (words) => words.size === 0 || [...words].some((word) => row.classList.contains(slug(word))));
    for (const row of rows) row.hidden = !fits(row);
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = `${shown} of ${rows.length} claims`;
  }

  function button(name, word) {
    const node = document.createElement("button");
    const held = rows.filter((row) => row.classList.contains(slug(word))).length;
    node.type = "button";
    node.textContent = `${word} ${held}`;
    node.disabled = held === 0;
    node.setAttribute("aria-pressed", "false");
    node.addEventListener("click", () => {
      const on = !chosen[name].delete(word);
      if (on) chosen[name].add(word);
      node.setAttribute("aria-pressed", String(on));
      show();
    });
    return node;
  }

  for (const [name, words] of Object.entries(groups)) {
    const group = document.createElement("div");
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", name);
    group.append(...words.map((word) => button(name, word)));
    bar.append(group);
  }
  bar.append(count);
  ledger.prepend(bar);
  show();

  /* A link to a claim opens it. */
  const open = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    const row = target && (target.closest("details.claim") || target.querySelector("details.claim"));
    if (row) row.open = true;
  };
  addEventListener("hashchange", open);
  open();
});
