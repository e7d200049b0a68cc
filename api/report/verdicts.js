// The section of verdicts: one table at a time.

function listVerdicts(set) {
  const select = document.getElementById("verdict"), before = select.value;
  const titles = set.verdicts.map(({ title }) => title);
  select.replaceChildren(...titles.map((title) => make("option", { value: title }, title)));
  if (titles.includes(before)) select.value = before;
}

function drawVerdict(set) {
  const [text, holder, table, notes] = ["text", "chart", "table", "notes"].map((name) =>
    document.getElementById(`verdict-${name}`));
  const found = set.verdicts.find(({ title }) => title === document.getElementById("verdict").value);
  text.textContent = found.caption ?? `Not available: ${found.reason}.`;
  holder.replaceChildren();
  if (found.forest) forest(holder, found.forest, `${found.title}; the table below has the numbers`);
  fillTable(table, found.head ?? [], found.body ?? []);
  notes.replaceChildren(
    ...(found.notes ?? []).map((note) => make("li", {}, note)),
    ...(found.call ? [make("li", {}, make("code", {}, found.call))] : []));
}
