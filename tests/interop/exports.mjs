// exports.mjs - what lk exports of documents with void changes, as Automerge
// shows it: values, conflicts, order, text, marks and blocks.
//
// usage: node exports.mjs FILE     lines of {"name", "hex", "tree"}; the tree is
// that of tests/model/ghost, with what is not one string in the cells of a text

import * as A from "@automerge/automerge";
import fs from "node:fs";
import readline from "node:readline";
import { isDeepStrictEqual } from "node:util";

// What is compared: no ids, numbers that JavaScript would round as strings.
function expected(o) {
	if (Array.isArray(o))
		return o.map(expected);
	switch (o.t) {
	case "map":
		return { t: "map", entries: Object.fromEntries(
			Object.entries(o.entries).map(([k, v]) => [k, expected(v)])) };
	case "list":
		return { t: "list", items: expected(o.items) };
	case "text":
		return { t: "text", text: o.text,
			cells: o.cells.map(([at, v]) => [at, expected(v)]),
			marks: o.marks.map((m) => [m.name, m.start, m.end, m.value[1]]) };
	default:
		return o.v === undefined ? { t: o.t } : { t: o.t, v: o.v };
	}
}

function scalar(t, v) {
	switch (t) {
	case "int": case "uint": case "counter":
		return { t, v: String(v) };
	case "timestamp":
		return { t, v: String(Number(v)) };
	case "bytes":
		return { t, v: Buffer.from(v).toString("hex") };
	case "boolean": case "str": case "f64":
		return { t, v };
	default:
		return { t };
	}
}

function shown(back, obj, t) {
	const value = ([type, v]) =>
		["map", "list", "text"].includes(type) ? shown(back, v, type) : scalar(type, v);
	const slot = (prop) => back.getAll(obj, prop).map(value);

	if (t === "map")
		return { t, entries: Object.fromEntries(back.keys(obj).map((k) => [k, slot(k)])) };
	if (t === "list")
		return { t, items: Array.from({ length: back.length(obj) }, (_, i) => slot(i)) };
	const text = back.text(obj), cells = [];
	for (let at = 0; at < text.length;) {
		const all = back.getAll(obj, at);
		const [type, winner] = all[all.length - 1];
		if (all.length > 1 || type !== "str")
			cells.push([at, all.map(value)]);
		at += type === "str" ? Math.max(1, winner.length) : 1;
	}
	const marks = back.marks(obj).filter((m) => m.value !== null)
		.map((m) => [m.name, m.start, m.end, m.value])
		.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]));
	return { t, text, cells, marks };
}

function check(bytes, want) {
	const doc = A.load(bytes);
	const got = shown(A.getBackend(doc), "_root", "map");
	if (!isDeepStrictEqual(got, want))
		return `shows\n${JSON.stringify(got)}\nnot\n${JSON.stringify(want)}`;
	const again = A.load(A.save(doc));
	if (!isDeepStrictEqual(shown(A.getBackend(again), "_root", "map"), want))
		return "shows something else after saving and loading";
	return isDeepStrictEqual(A.getHeads(doc), A.getHeads(again)) ? null
		: "has other heads after saving and loading";
}

let good = 0, bad = 0;
for await (const line of readline.createInterface({ input: fs.createReadStream(process.argv[2]) })) {
	const { name, hex, tree } = JSON.parse(line);
	let flaw;
	try {
		flaw = check(Buffer.from(hex, "hex"), expected(tree));
	} catch (e) {
		flaw = String(e).slice(0, 400);
	}
	if (flaw === null) {
		good++;
	} else {
		bad++;
		console.log(`not ok: ${name}: ${flaw}`);
	}
}
console.log(`${bad === 0 && good > 0 ? "ok" : "not ok"}: Automerge shows ${good} of ${good + bad} exports`);
process.exitCode = bad === 0 && good > 0 ? 0 : 1;
