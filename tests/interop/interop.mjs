// interop.mjs - lk and Automerge read each other's files, and mean the same.
//
// Every vector, and documents made at random: lk takes the file in and shows
// what Automerge shows; what lk writes has the same changes, values, conflicts,
// op ids and marks for Automerge.  Then each goes on editing what the other one
// wrote, and the other one reads that.
//
// usage: node interop.mjs [--lk PATH] [--seeds N] [--text LETTERS]

import * as A from "@automerge/automerge";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const root = path.resolve(here, "../..");
const { values: options } = parseArgs({
	options: {
		lk: { type: "string", default: process.env.LK ?? path.join(root, "build/release/lk") },
		seeds: { type: "string", default: "20" },
		text: { type: "string", default: "600000" },
	},
});
const home = fs.mkdtempSync(path.join(os.tmpdir(), "lki-"));
const env = {
	PATH: process.env.PATH, HOME: home, TMPDIR: home, LANG: "C.UTF-8",
	LK_HOME: path.join(home, "lk"), LK_LISTEN: "127.0.0.1:0",
	// The daemon's sandbox lets it write nowhere else.
	ASAN_OPTIONS: `log_path=${home}/lk/report`, UBSAN_OPTIONS: `log_path=${home}/lk/report`,
};

class Failed extends Error {}

function lk(...args) {
	const p = spawnSync(options.lk, args, { env, cwd: home, maxBuffer: 1 << 28, timeout: 120000 });
	if (p.error) throw p.error;
	return { code: p.status, out: p.stdout, err: p.stderr.toString() };
}

function lkOk(...args) {
	const p = lk(...args);
	if (p.code !== 0)
		throw new Failed(`lk ${args.join(" ")}: exit ${p.code}: ${p.err}`);
	return p.out;
}

// Numbers as strings: JavaScript's own would lose digits.
const name64 = (v) => (Object.is(v, -0) ? "-0" : String(v));

// What lk shows: [type, value], maps as sorted entries.
function lkShown(doc) {
	const text = lkOk("get", "--typed", "--root", "--json", doc).toString();
	const safe = text.replace(
		/("type":"(?:int|uint|counter|timestamp|f64)","value":)(-?[0-9][0-9.eE+-]*)/g, '$1"$2"');
	const walk = (o) => {
		const v = o.value;
		switch (o.type) {
		case "map":
			return ["map", Object.entries(v).map(([k, x]) => [k, walk(x)])
				.sort((a, b) => (a[0] < b[0] ? -1 : 1))];
		case "list":
			return ["list", v.map(walk)];
		case "f64":
			return ["f64", v.startsWith("0x") ? "NaN" : name64(Number(v))];
		case "unknown":
			return [`unknown${o.code}`, v];
		default:
			return [o.type, v];
		}
	};
	return walk(JSON.parse(safe));
}

function scalar(type, v) {
	switch (type) {
	case "int": case "uint": case "counter":
		return [type, String(v)];
	case "f64":
		return [type, name64(v)];
	case "timestamp":
		return [type, String(v.getTime())];
	case "bytes":
		return [type, Buffer.from(v).toString("base64")];
	default:
		return type.startsWith("unknown") ? [type, Buffer.from(v).toString("base64")] : [type, v];
	}
}

// The document itself: as a JavaScript object it cannot hold 64 bit numbers.
const open = (file) => A.getBackend(A.load(fs.readFileSync(file)));

// What Automerge shows; with `all` also conflicts, op ids and marks.
function amShown(h, all) {
	const at = (obj, prop) => {
		if (!all) {
			const [type, v] = h.getWithType(obj, prop);
			return value(type, v);
		}
		return h.getAll(obj, prop).map((c) =>
			["map", "list", "text", "table"].includes(c[0]) ?
				[c[1], ...value(c[0], c[1])] : [c[2], ...value(c[0], c[1])]);
	};
	const value = (type, v) => {
		switch (type) {
		case "map": case "table":
			return [type, h.keys(v).sort((a, b) => (a < b ? -1 : 1)).map((k) => [k, at(v, k)])];
		case "list":
			return [type, Array.from({ length: h.length(v) }, (_, i) => at(v, i))];
		case "text":
			return all ? [type, h.text(v), h.marks(v), h.spans(v)] : [type, h.text(v)];
		default:
			return scalar(type, v);
		}
	};
	return value("map", "_root");
}

function same(what, a, b) {
	if (!isDeepStrictEqual(a, b))
		throw new Failed(`${what} differ:\n${JSON.stringify(a).slice(0, 2000)}\n` +
			JSON.stringify(b).slice(0, 2000));
}

// What JSON shows of a value, digits over 2^53 aside.
function plain(v) {
	if (A.isImmutableString(v)) return v.val;
	if (A.isCounter(v)) return v.value;
	if (v instanceof Date) return v.toISOString();
	if (v instanceof Uint8Array) return Buffer.from(v).toString("base64");
	if (typeof v === "bigint") return Number(v);
	if (typeof v === "number" && !Number.isFinite(v)) return null;
	if (Array.isArray(v)) return v.map(plain);
	if (v !== null && typeof v === "object")
		return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, plain(x)]));
	return v;
}

// A text with its marks and blocks, as lk get --spans has it.
function amSpans(h, id) {
	let start = 0;
	return h.spans(id).map((s) => {
		const length = s.type === "block" ? 1 : [...s.value].length;
		const span = { ...s, value: plain(s.value), start, length };
		if (s.marks !== undefined) span.marks = plain(s.marks);
		start += length;
		return span;
	});
}

// The texts that a path leads to, and those paths.
function texts(h, id = "_root", type = "map", at = "") {
	const keys = type === "map" ? h.keys(id) : [...Array(h.length(id)).keys()];
	return keys.flatMap((k) => {
		const [kind, inside] = h.getWithType(id, k);
		const path = `${at}/${String(k).replaceAll("~", "~0").replaceAll("/", "~1")}`;
		if (path.includes("\0")) return [];
		if (kind === "text") return [[path, inside]];
		return kind === "map" || kind === "list" ? texts(h, inside, kind, path) : [];
	});
}

function sameSpans(name, h) {
	for (const [at, id] of texts(h).slice(0, 20))
		same(`the spans of ${at}`, amSpans(h, id),
			JSON.parse(lkOk("get", "--root", "--spans", "--json", name, at)));
}

const changes = (h) => h.getChangesMeta([]).map((c) => c.hash).sort();
let number = 0;

// Imports a file of Automerge's, exports it, and compares all there is.
function through(file) {
	const name = `doc-${++number}`;
	const original = open(file);
	const taken = lk("import", file, "--as", name);
	// What depends on changes that are not in the file is left out, and said.
	same("exit", taken.code, file.endsWith("31-orphan-change.automerge") ? 3 : 0);
	same("what lk and Automerge show", lkShown(name), amShown(original, false));
	sameSpans(name, original);
	const back = path.join(home, `${name}.automerge`);
	lkOk("export", name, "-o", back);
	const again = open(back);
	same("heads", again.getHeads().sort(), original.getHeads().sort());
	same("changes", changes(again), changes(original));
	same("values, conflicts, ids, marks", amShown(again, true), amShown(original, true));
	return { name, h: again };
}

// Automerge goes on with what lk wrote, and lk reads it.
function automergeGoesOn(h) {
	const a = h.clone("aa".repeat(16)), b = h.clone("bb".repeat(16));
	const made = a.putObject("_root", "from-automerge", {});
	a.putObject(made, "text", "geschrieben von Automerge: 😀");
	const text = a.putObject("_root", "rich", "geschrieben von Automerge");
	a.mark(text, { start: 12, end: 25, expand: "both" }, "bold", true);
	a.mark(text, { start: 16, end: 20, expand: "none" }, "link", "http://automerge/");
	a.splitBlock(text, 16, { type: "p", parents: [], attrs: {} });
	const cursor = a.getCursor(text, 21);
	a.putObject(made, "list", [1, 2.5, null, true]);
	b.put("_root", "from-automerge", 3, "counter");
	b.increment("_root", "from-automerge", 4);
	a.merge(b);
	const file = path.join(home, `on-${++number}.automerge`);
	fs.writeFileSync(file, a.save());
	const { name } = through(file);
	lkOk("splice", name, "--root", "/rich", cursor, "0", "|");
	same("what is at a cursor", lkOk("get", "--root", name, "/rich").toString(),
		"geschrieben von \ufffcAuto|merge");
}

// lk goes on with what Automerge wrote, and Automerge reads it.
function lkGoesOn(name) {
	lkOk("set", "--root", name, "/from-lk", '{"text":"geschrieben von lk: 😀","list":[1,2.5,null,true]}');
	lkOk("set", "--root", "--counter", name, "/from-lk/n", "40");
	lkOk("inc", name, "--root", "/from-lk/n", "2");
	lkOk("insert", name, "--root", "/from-lk/list/0", '"first"');
	lkOk("splice", name, "--root", "/from-lk/text", "0", "0", "😀 ");
	lkOk("rm", name, "--root", "/from-lk/list/1");
	lkOk("mark", name, "--root", "/from-lk/text", "2", "13", "link", "-s", "http://lk/");
	lkOk("mark", name, "--root", "/from-lk/text", "0", "e", "bold", "-e", "both");
	lkOk("mark", name, "--root", "/from-lk/text", "5", "7", "bold", "null");
	lkOk("splice", name, "--root", "/from-lk/text", "13", "0", "!");
	fs.writeFileSync(path.join(home, "blocks"), [
		{ split: "/from-lk/text", pos: 2, block: { type: "heading", parents: [], attrs: { level: 1 } } },
		{ split: "/from-lk/text", pos: "e", block: { type: "p" } },
		{ update: "/from-lk/text", pos: 2, block: { type: "quote", parents: ["li"] } },
	].map((x) => JSON.stringify(x)).join("\n"));
	lkOk("apply", name, "--root", path.join(home, "blocks"));
	const file = path.join(home, `by-lk-${++number}.automerge`);
	lkOk("export", name, "-o", file);
	const h = open(file);
	same("what Automerge and lk show", amShown(h, false), lkShown(name));
	sameSpans(name, h);
	const made = amShown(h, false)[1].find(([k]) => k === "from-lk")[1];
	same("the edits of lk", made, ["map", [
		["list", ["list", [["text", "first"], ["f64", "2.5"], ["null", null], ["boolean", true]]]],
		["n", ["counter", "42"]],
		["text", ["text", "😀 \ufffcgeschrieben! von lk: 😀\ufffc"]],
	]]);
	const bold = true, link = "http://lk/", text = texts(h).find(([at]) => at === "/from-lk/text")[1];
	same("the marks and blocks of lk", plain(h.spans(text)), [
		{ type: "text", value: "😀 ", marks: { bold } },
		{ type: "block", value: { type: "quote", parents: ["li"] } },
		{ type: "text", value: "ges", marks: { bold, link } },
		{ type: "text", value: "ch", marks: { link } },
		{ type: "text", value: "rieben!", marks: { bold, link } },
		{ type: "text", value: " von lk: 😀", marks: { bold } },
		{ type: "block", value: { type: "p" } },
	]);
}

// A document that lk made from nothing.
function lkBorn() {
	lkOk("new", "born");
	lkOk("set", "born", "/a", '{"b":[1,"zwei",{"c":18446744073709551615}],"d":-0.5}');
	lkOk("set", "--time", "born", "/when", "2026-01-02T03:04:05.678Z");
	lkOk("set", "--string", "born", "/scalar", "no text object");
	fs.writeFileSync(path.join(home, "four"), Buffer.from([0, 1, 254, 255]));
	lkOk("set", "--bytes", path.join(home, "four"), "born", "/bytes");
	const file = path.join(home, "born.automerge");
	lkOk("export", "born", "-o", file);
	const h = open(file);
	same("what Automerge and lk show", amShown(h, false), lkShown("born"));
	same("the time", h.get("_root", "when").toISOString(), "2026-01-02T03:04:05.678Z");
	same("a number of 64 bits", h.get(h.get(h.get("_root", "a"), "b"), 2) !== undefined &&
		amShown(h, false)[1][0][1][1][0][1][1][2][1][0][1], ["uint", "18446744073709551615"]);
	through(file);
}

// mulberry32: the same numbers on every machine.
function random(seed) {
	return () => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
	};
}

// A text of many changes, brought into a document by lk; and one that Automerge
// made at once.
function longText() {
	const rnd = random(1);
	let text = "";
	while (text.length < Number(options.text))
		text += String.fromCharCode(97 + Math.floor(rnd() * 26)) + (rnd() < 0.2 ? " ä\n" : "");
	const file = path.join(home, "long.txt"), saved = path.join(home, "long.automerge");
	fs.writeFileSync(file, text);
	lkOk("new", "long", "--type", "text");
	lkOk("import", "--into", "long", file);
	same("the text", lkOk("get", "long").toString() === text, true);
	lkOk("export", "long", "-o", saved);
	const h = open(saved);
	same("the text of lk", h.text(h.getWithType("_root", "content")[1]) === text, true);
	lkOk("import", "--as", "long again", saved);
	same("the text, imported", lkOk("get", "long again").toString() === text, true);
	const made = A.getBackend(A.init("cc".repeat(16)));
	made.splice(made.putObject("_root", "content", ""), 0, 0, text);
	made.commit();
	fs.writeFileSync(saved, made.save());
	lkOk("import", "--as", "long of Automerge's", saved);
	same("the text of Automerge", lkOk("get", "long of Automerge's").toString() === text, true);
}

function randomDoc(seed) {
	const rnd = random(seed);
	const pick = (n) => Math.floor(rnd() * n);
	const actor = (i) => `${i}`.padStart(2, "0").repeat(16);
	let docs = [A.from({ m: {}, l: [], t: "Anfang" }, { actor: actor(1) })];
	for (let i = 2; i < 4; i++)
		docs.push(A.clone(docs[0], { actor: actor(i) }));
	const value = () => [null, true, pick(1000), -rnd(), "Text 😀 " + pick(9), new Date(pick(1e12)),
		new Uint8Array([pick(256)]), new A.Counter(pick(9)), { x: [pick(9)] },
		new A.ImmutableString("s" + pick(9))][pick(10)];
	for (let step = 0; step < 40; step++) {
		const i = pick(docs.length);
		docs[i] = A.change(docs[i], { time: 1e9 + step }, (d) => {
			switch (pick(7)) {
			case 0: d.m["k" + pick(5)] = value(); break;
			case 1: delete d.m["k" + pick(5)]; break;
			case 2: d.l.splice(pick(d.l.length + 1), 0, value()); break;
			case 3: if (d.l.length) A.deleteAt(d.l, pick(d.l.length)); break;
			case 4: A.splice(d, ["t"], pick(d.t.length + 1), 0, "äb" + pick(9)); break;
			case 5: if (d.t.length > 2) A.splice(d, ["t"], 1, 1); break;
			case 6: if (d.t.length > 2)
				A.mark(d, ["t"], { start: 0, end: 2, expand: "both" }, "bold", pick(2) === 0);
			}
		});
		if (pick(4) === 0) {
			const j = pick(docs.length);
			if (i !== j) docs[j] = A.merge(docs[j], docs[i]);
		}
	}
	return docs.reduce((a, b) => A.merge(a, b));
}

const cases = [];
const vectors = path.join(root, "tests/data/automerge/vectors");
for (const file of fs.readdirSync(vectors).filter((f) => f.endsWith(".automerge")).sort()) {
	// Bundles are an experiment of Automerge's that no file has to hold.
	if (file.startsWith("bundle-"))
		cases.push([file, () => same("exit", lk("import", path.join(vectors, file), "--as", "bundle").code, 65)]);
	else
		cases.push([file, () => {
			const { name, h } = through(path.join(vectors, file));
			automergeGoesOn(h);
			lkGoesOn(name);
		}]);
}
cases.push(["a document made by lk", lkBorn]);
cases.push(["a long text", longText]);
for (let seed = 1; seed <= Number(options.seeds); seed++)
	cases.push([`random document, seed ${seed}`, () => {
		const file = path.join(home, `random-${seed}.automerge`);
		fs.writeFileSync(file, A.save(randomDoc(seed)));
		const { name, h } = through(file);
		automergeGoesOn(h);
		lkGoesOn(name);
	}]);

let failed = 0;
function say(what, work) {
	try {
		work();
		console.log(`ok: interop ${what}`);
	} catch (e) {
		failed++;
		console.log(`not ok: interop ${what}\n${e instanceof Failed ? e.message : e.stack}`);
	}
}
try {
	lkOk("init", "--name", "interop");
	for (const [what, work] of cases)
		say(what, work);
	say("daemon ends without a report", () => {
		lkOk("daemon", "stop");
		const reports = fs.readdirSync(env.LK_HOME).filter((f) => f.startsWith("report"));
		if (reports.length > 0)
			throw new Failed(reports.map((f) => fs.readFileSync(path.join(env.LK_HOME, f), "utf8")).join("\n"));
	});
} finally {
	lk("daemon", "stop");
	fs.rmSync(home, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
