"""The page's one script: the treemap. Without it the page still has the tables."""

SCRIPT = """
"use strict";
const trees = JSON.parse(document.getElementById("trees").textContent);
const map = document.getElementById("map"), path = document.getElementById("path"),
  said = document.getElementById("said");
let image = 0, way = [];

function size(bytes) {
  if (bytes < 1000) return bytes + " B";
  let value = bytes, unit = "";
  for (unit of ["KB", "MB", "GB"]) { value /= 1000; if (value < 999.5) break; }
  return value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0) + " " + unit;
}

/* Bruls, Huizing, van Wijk: Squarified Treemaps (2000). Rows along the shorter side, as long as
   one more node makes the worst of the row's shapes better. */
function squarify(nodes, x, y, w, h) {
  const total = nodes.reduce((sum, node) => sum + node.s, 0), placed = [];
  if (!total || w <= 0 || h <= 0) return placed;
  let scale = w * h / total, index = 0;
  while (index < nodes.length && w > 0 && h > 0) {
    const side = Math.min(w, h);
    let row = [], sum = 0, worst = Infinity;
    while (index < nodes.length) {
      const area = nodes[index].s * scale, next = sum + area;
      const thick = next / side;
      let bad = 0;
      for (const each of [...row, nodes[index]]) {
        const long = each.s * scale / thick;
        bad = Math.max(bad, thick / long, long / thick);
      }
      if (bad > worst) break;
      row.push(nodes[index]); sum = next; worst = bad; index += 1;
    }
    const thick = sum / side;
    let at = w < h ? x : y;
    for (const each of row) {
      const long = each.s * scale / thick;
      placed.push(w < h ? [each, at, y, long, thick] : [each, x, at, thick, long]);
      at += long;
    }
    if (w < h) { y += thick; h -= thick; } else { x += thick; w -= thick; }
  }
  return placed;
}

function colours(tree) {
  const found = new Map();
  (tree.c || []).forEach((node, index) => found.set(node, "var(--c" + index % 8 + ")"));
  return found;
}

function describe(node, above) {
  const part = above && above.s ? ", " + (100 * node.s / above.s).toFixed(1) + " % of " + above.n
    : "";
  said.textContent = node.n + ": " + size(node.s) + part + (node.a ? "; " + node.a : "");
}

function box(kind, node, fill, [x, y, w, h], above) {
  const element = document.createElement(kind);
  element.style.cssText = "left:" + x + "px;top:" + y + "px;width:" + w + "px;height:" + h
    + "px;--fill:" + fill;
  element.title = node.n + ": " + size(node.s);
  if (w > 34 && h > 16) {
    const text = document.createElement("span");
    text.textContent = kind === "button" && w > 120 ? node.n + "  " + size(node.s) : node.n;
    element.append(text);
  } else {
    element.setAttribute("aria-label", element.title);
  }
  element.addEventListener("pointerenter", () => describe(node, above));
  element.addEventListener("focus", () => describe(node, above));
  return element;
}

function draw() {
  const tree = trees[image], fills = colours(tree);
  let node = tree, top = null;
  for (const index of way) { node = node.c[index]; top = top || node; }
  map.replaceChildren();
  const w = map.clientWidth, h = map.clientHeight;
  for (const [child, x, y, cw, ch] of squarify(node.c || [node], 0, 0, w, h)) {
    const fill = fills.get(top || child) || "var(--c6)";
    if (!child.c) {
      const leaf = box("div", child, fill, [x, y, cw, ch], node);
      leaf.className = "leaf";
      leaf.addEventListener("click", () => describe(child, node));
      map.append(leaf);
      continue;
    }
    const group = box("button", child, fill, [x, y, cw, ch], node);
    group.className = "group";
    group.addEventListener("click", () => {
      way = [...way, node.c.indexOf(child)]; draw(); describe(child, node);
    });
    const head = ch > 44 && cw > 40 ? 20 : 2;
    for (const [leaf, lx, ly, lw, lh] of squarify(child.c, 2, head, cw - 6, ch - head - 4)) {
      if (lw < 3 || lh < 3) continue;
      const inner = box("div", leaf, fill, [lx, ly, lw, lh], child);
      inner.className = "leaf";
      group.append(inner);
    }
    map.append(group);
  }
  path.replaceChildren();
  let here = tree;
  const names = [tree, ...way.map(index => (here = here.c[index]))];
  names.forEach((each, depth) => {
    if (depth) path.append("\\u203a");
    const last = depth === names.length - 1;
    const step = document.createElement(last ? "b" : "button");
    step.textContent = each.n;
    if (!last) step.addEventListener("click", () => { way = way.slice(0, depth); draw(); });
    path.append(step);
  });
  path.append(size(node.s));
}

document.querySelectorAll("#images button").forEach((button, index) => {
  button.addEventListener("click", () => {
    image = index; way = []; said.textContent = "";
    document.querySelectorAll("#images button").forEach((other, at) =>
      other.setAttribute("aria-pressed", String(at === index)));
    document.querySelectorAll("[data-image]").forEach(element => {
      element.hidden = element.dataset.image !== String(index);
    });
    draw();
  });
});
addEventListener("resize", draw);
if (trees.length) draw();
"""
