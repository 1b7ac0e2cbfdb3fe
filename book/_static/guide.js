/* "Should I colour mine?": four questions that leave, of the guide's table, the rows that answer.

   A row says in `data-when` which answers it is for. Without this script the whole table is there. */
"use strict";

addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector(".bd-content table.guide");
  const marks = table ? [...table.querySelectorAll("[data-when]")] : [];
  if (marks.length === 0) return;
  const rows = marks.map((mark) => ({ row: mark.closest("tr"), when: mark.dataset.when.split(" ") }));
  const questions = [
    ["What reads the spectrogram?", {
      pretrained: "a pretrained image net", scratch: "a net trained from scratch", tiny: "a very small net, or single pixels",
    }],
    ["Does loudness tell your classes apart?", { loud: "yes", gains: "no, and gains differ", calm: "no" }],
    ["Is a class a band of levels, neither soft nor loud?", { band: "yes", plain: "no, or I do not know" }],
    ["Do you save spectrograms as pictures?", { keep: "no", store: "yes", coloured: "I only have coloured ones" }],
  ];
  const chosen = new Map();
  const form = document.createElement("form");
  const answer = document.createElement("p");
  form.className = "guide-questions";
  answer.setAttribute("role", "status");

  function show() {
    const answers = [...chosen.values()];
    const fits = ({ when }) => when.some((word) => answers.includes(word));
    for (const item of rows) item.row.hidden = chosen.size > 0 && !fits(item);
    const left = rows.filter(({ row }) => !row.hidden).length;
    if (chosen.size === 0) answer.textContent = "Answer what you know.";
    else if (left === 0) answer.textContent = "Nothing in this book speaks against leaving it as it is: decibels, uncoloured.";
    else answer.textContent = left === 1 ? "What the book says of yours:" : `What the book says of yours, in ${left} rows:`;
  }

  questions.forEach(([title, options], place) => {
    const set = document.createElement("fieldset");
    const legend = document.createElement("legend");
    legend.textContent = title;
    set.append(legend);
    for (const [word, text] of Object.entries(options)) {
      const label = document.createElement("label");
      const input = document.createElement("input");
      Object.assign(input, { type: "radio", name: `guide-${place}`, value: word });
      input.addEventListener("change", () => { chosen.set(place, word); show(); });
      label.append(input, ` ${text}`);
      set.append(label);
    }
    form.append(set);
  });
  const reset = document.createElement("button");
  Object.assign(reset, { type: "reset", textContent: "Show all advice" });
  form.addEventListener("reset", () => { chosen.clear(); show(); });
  form.append(reset);
  const place = table.closest(".pst-scrollable-table-container") || table;
  place.before(form, answer);
  show();
});
