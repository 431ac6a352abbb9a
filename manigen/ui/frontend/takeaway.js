// Take away: the map as a picture, as a page that opens anywhere, or as a table.

import { element } from "./parts.js";

export const KINDS = ["png", "svg", "html", "csv", "npz"];
const WIDE = 1600; // px of a picture

const DRAWN = 20_000; // points of which an SVG holds each as a circle; of more it holds a picture

// `said` is the honest line: what is taken away says too how far it may be trusted.
export async function take(kind, { map, columns, data, said = "" }) {
  const name = `${data.model}-${data.map}`;
  if (kind === "npz") return save(data.exportUrl, `${name}.npz`);
  if (kind === "csv" && columns.many) return save(`${data.exportUrl}?as=csv`, `${name}.csv`); // not all points are here
  if (kind === "csv") return give(new Blob([table(columns, data.classes)], { type: "text/csv" }), `${name}.csv`);
  const figure = await map.figure(data.plotlyUrl);
  if (!figure) return null; // Plotly is not there yet
  if (said) figure.layout = signed(figure.layout, `${data.mapTitle} · ${data.model}. ${said}`);
  if (kind === "svg" && columns.x.length <= DRAWN)
    figure.data = figure.data.map((trace) => (trace.type === "scattergl" ? { ...trace, type: "scatter" } : trace));
  const [width, height] = map.size();
  if (kind === "html") return give(new Blob([await page(figure, data, name)], { type: "text/html" }), `${name}.html`);
  const scaled = { format: kind, width: WIDE, height: Math.round((WIDE * height) / width) };
  return save(await window.Plotly.toImage(figure, scaled), `${name}.${kind}`);
}

// A layout with a line of words along its foot.
function signed(layout, words) {
  const line = { text: words, xref: "paper", yref: "paper", x: 0, y: 0, xanchor: "left", yanchor: "bottom", align: "left", showarrow: false,
    borderpad: 6, font: { size: 13, color: "#80858e" } };
  return { ...layout, annotations: [...(layout.annotations ?? []), line] };
}

// One line for each point: where it comes from, its class, its place, and where the map lies there.
function table(columns, classes) {
  const more = ["error", "distance", "intruders", "torn", "recall", "density", "area", "stability"].filter((name) => columns[name]);
  const { splits } = columns.header;
  const { dims, points } = columns;
  const lines = [["row", "split", "data_row", "label", "class", ...["x", "y", "z"].slice(0, dims), ...more, "hollow"].join(",")];
  for (let i = 0; i < columns.x.length; i++) {
    const label = columns.label[i];
    const name = `"${String(classes[label] ?? "").replaceAll('"', '""')}"`;
    lines.push([i, splits[columns.split[i]], columns.data_row[i], label, name, ...points.subarray(dims * i, dims * i + dims),
      ...more.map((column) => (Number.isFinite(columns[column][i]) ? columns[column][i].toPrecision(5) : "")),
      columns.hollow ? columns.hollow[i] : ""].join(","));
  }
  return `${lines.join("\n")}\n`;
}

// The map with plotly.js in one file: it zooms and pans without a network.
async function page(figure, data, name) {
  const script = await (await fetch(data.plotlyUrl)).text();
  const plain = (key, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
  const json = JSON.stringify({ data: figure.data, layout: { ...figure.layout, width: undefined, height: undefined } }, plain);
  const safe = json.replaceAll("</", "<\\/");
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>${name}</title>
<style>html,body,#map{margin:0;height:100%}</style><div id="map"></div>
<script>${script.replaceAll("</script", "<\\/script")}</script>
<script>const f=${safe};Plotly.newPlot("map",f.data,f.layout,{scrollZoom:true,responsive:true,displaylogo:false});</script></html>`;
}

function give(blob, name) {
  const url = URL.createObjectURL(blob);
  save(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  return name;
}

function save(url, name) {
  const link = element("a", "", [], { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  return name;
}
