"use strict";
// Filters and sorts the list of cases. Written without characters that XML gives a meaning.
const form = document.getElementById("filter");
const table = document.getElementById("cases");
const shown = document.getElementById("shown");
const rows = Array.from(table.tBodies[0].rows);
const heads = Array.from(table.tHead.rows[0].cells);
const order = new Intl.Collator("en", { numeric: true });
const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
const names = ["text", "verdict", "group"];

function filter() {
  const words = form.elements.text.value.toLowerCase().split(/\s+/);
  const matches = (row) => [
    words.every((word) => texts.get(row).includes(word)),
    [row.dataset.verdict, ""].includes(form.elements.verdict.value),
    [row.dataset.group, ""].includes(form.elements.group.value),
  ].every(Boolean);
  let count = 0;
  for (const row of rows) {
    row.hidden = !matches(row);
    count += row.hidden ? 0 : 1;
  }
  shown.value = count + " of " + rows.length + " cases";
  // Keep the choice in the address, for when the reader comes back from a case.
  const chosen = new URLSearchParams(names.map((name) => [name, form.elements[name].value]));
  history.replaceState(null, "", "#" + chosen);
}

function sort(head) {
  const column = heads.indexOf(head);
  const back = head.getAttribute("aria-sort") === "ascending";
  heads.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", back ? "descending" : "ascending");
  const key = (row) => row.cells[column].dataset.key ?? row.cells[column].textContent;
  const sorted = rows.toSorted((a, b) => order.compare(key(a), key(b)));
  table.tBodies[0].append(...(back ? sorted.reverse() : sorted));
}

for (const head of heads) {
  head.firstElementChild.addEventListener("click", () => sort(head));
}
const start = new URLSearchParams(location.hash.slice(1));
for (const name of names) {
  form.elements[name].value = start.get(name) ?? "";
}
form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.hidden = false;
filter();
