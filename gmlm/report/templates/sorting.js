// Sorts tables by a column: a click on its head, then the other way round. Group rows and empty cells keep their places.
const number = text => {
  const found = text.replaceAll("−", "-").replaceAll(",", "").match(/^[<+]?(-?\d+(\.\d+)?)/);
  return found ? Number(found[1]) - (text.startsWith("<") ? 1e-9 : 0) : null;
};
const compare = (a, b) => {
  const [x, y] = [number(a), number(b)];
  if (x !== null && y !== null) return x - y;
  if (x !== null || y !== null) return x !== null ? -1 : 1;
  return a.localeCompare(b);
};
const sortBy = (table, column, descending) => {
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter(row => !row.classList.contains("group"));
    const text = row => (row.cells[column]?.textContent ?? "").trim();
    const sorted = [...rows].sort((a, b) => (descending ? compare(text(b), text(a)) : compare(text(a), text(b))));
    body.append(...sorted);
  }
};
for (const table of document.querySelectorAll("table.headline, table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortBy(table, column, descending);
    });
  });
}
