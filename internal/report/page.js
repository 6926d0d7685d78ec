// Sorts and filters the rows of the table. Text from elsewhere is read with textContent and never
// parsed as HTML. Without this script, the page is complete, in the order of names.
"use strict";
(() => {
  const form = document.getElementById("filters");
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const nothing = document.getElementById("nothing");
  const body = document.querySelector("#table tbody");
  const rows = [...body.rows].map((row) => ({
    row, text: row.textContent.toLowerCase(), keys: JSON.parse(row.dataset.sort),
  }));
  const selects = [...form.querySelectorAll("select")];
  const bars = [...document.querySelectorAll("th[data-filter]")];

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const { row, text } of rows) {
      row.hidden = !words.every((word) => text.includes(word)) ||
        !selects.every((select) => !select.value || row.dataset[select.dataset.filter] === select.value);
      count += row.hidden ? 0 : 1;
    }
    shown.textContent = `${count} of ${rows.length} shown`;
    nothing.hidden = count > 0;
    for (const bar of bars) {
      const select = selectOf(bar);
      bar.firstChild.setAttribute("aria-pressed", select.value === bar.dataset.value);
    }
  }

  function selectOf(bar) {
    return selects.find((select) => select.dataset.filter === bar.dataset.filter);
  }

  // button turns the text of a cell into a button.
  function button(cell, act) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "plain";
    made.textContent = cell.textContent;
    made.addEventListener("click", act);
    cell.replaceChildren(made);
  }

  const heads = [...document.querySelectorAll("#table thead th[data-sort]")];
  function sort(head) {
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const by = head.dataset.sort;
    const compare = (x, y) => x.keys[by] - y.keys[by] || x.keys.name - y.keys.name;
    rows.sort((x, y) => (down ? compare(y, x) : compare(x, y)));
    body.append(...rows.map(({ row }) => row));
  }

  // A row that is linked to is shown, whatever the filters say.
  function follow() {
    const row = document.getElementById(location.hash.slice(1));
    if (row && row.hidden) {
      form.reset();
      filter();
      row.scrollIntoView();
    }
  }

  for (const head of heads) button(head, () => sort(head));
  for (const bar of bars) {
    button(bar, () => {
      const select = selectOf(bar);
      select.value = select.value === bar.dataset.value ? "" : bar.dataset.value;
      filter();
    });
  }
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", follow);
  form.hidden = false;
  filter(); // a browser may have restored what was chosen
})();
