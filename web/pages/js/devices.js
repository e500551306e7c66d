// Lists of the dashboard: disks with usage bars, network interfaces with rates. Rewrites rows; names are set as text.

import { element, write } from "./element.js";
import { fillBar } from "./tiles.js";
import * as units from "./units.js";

/** @typedef {import("./history.js").Disk} Disk */
/** @typedef {import("./history.js").Network} Network */

/** Limit of rows; the rest is counted below the list. */
const MAX_ROWS = 12;

/**
 * @template Item
 */
class Rows {
  #root;
  #more;
  #create;
  #fill;

  /**
   * @param {HTMLElement} root
   * @param {HTMLElement} more shows how many rows were omitted
   * @param {() => HTMLElement} create
   * @param {(row: HTMLElement, item: Item) => void} fill
   */
  constructor(root, more, create, fill) {
    this.#root = root;
    this.#more = more;
    this.#create = create;
    this.#fill = fill;
  }

  /** @param {Item[]} items */
  show(items) {
    const shown = items.slice(0, MAX_ROWS);
    while (this.#root.children.length > shown.length) this.#root.lastElementChild?.remove();
    shown.forEach((item, i) => {
      let row = this.#root.children[i];
      if (!(row instanceof HTMLElement)) {
        row = this.#create();
        this.#root.append(row);
      }
      this.#fill(/** @type {HTMLElement} */ (row), item);
    });
    const left = items.length - shown.length;
    this.#more.hidden = left === 0;
    this.#more.textContent = `and ${left} more`;
  }
}

/** @param {HTMLElement} root @param {HTMLElement} more */
export function diskRows(root, more) {
  const create = () =>
    element("li", "", element("div", "disk-line", element("span", ""), element("span", "muted")), element("div", "bar", element("div", "bar-fill")));
  /** @type {Rows<Disk>} */
  const rows = new Rows(root, more, create, (row, disk) => {
    const [line, bar] = row.children;
    const used = disk.total - disk.available;
    write(line?.children[0], disk.mountPoint);
    write(line?.children[1], `${units.gibibytes(used)} of ${units.gibibytes(disk.total)} used · ${disk.fileSystem}`);
    if (bar instanceof HTMLElement) fillBar(bar, used / disk.total);
  });
  return (/** @type {Disk[]} */ disks) => rows.show(distinct(disks));
}

/** @param {HTMLElement} root @param {HTMLElement} more */
export function interfaceRows(root, more) {
  const create = () => {
    const name = element("th", "interface-name");
    name.setAttribute("scope", "row");
    return element("tr", "", name, ...Array.from({ length: 4 }, () => element("td", "")));
  };
  /** @type {Rows<Network>} */
  const rows = new Rows(root, more, create, (row, network) => {
    const texts = [
      network.name,
      units.rate(network.receivedPerSecond),
      units.rate(network.transmittedPerSecond),
      units.bytes(network.receivedTotal),
      units.bytes(network.transmittedTotal),
    ];
    texts.forEach((text, i) => write(row.children[i], text));
  });
  return (/** @type {Network[]} */ networks) => rows.show(networks);
}

/**
 * One row per device: containers mount one disk in many places, and the shortest path says most.
 * @param {Disk[]} disks
 */
function distinct(disks) {
  /** @type {Map<string, Disk>} */
  const byDevice = new Map();
  for (const disk of disks) {
    if (!(disk.total > 0)) continue;
    const key = `${disk.name}\n${disk.total}\n${disk.available}`;
    const held = byDevice.get(key);
    if (!held || disk.mountPoint.length < held.mountPoint.length) byDevice.set(key, disk);
  }
  return [...byDevice.values()];
}
