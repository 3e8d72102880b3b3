// peers.mjs - the same measurements as bench_crdt's, of npm's packages.
// usage: node peers.mjs automerge|yjs|loro ROW ARGUMENT ...
import { readFileSync, writeFileSync } from "node:fs";

const [library, row, ...args] = process.argv.slice(2);
const phases = {}, cpu = {}, figures = {};
let before = 0, cpuBefore = 0, rssBefore = 0;

function rss() {
	return Number(/VmHWM:\s*(\d+)/.exec(readFileSync("/proc/self/status"))[1]);
}

// Of all threads: those that compile and collect garbage too.
function cpuMs() {
	const { user, system } = process.cpuUsage();
	return (user + system) / 1000;
}

function phase(name) {
	const now = performance.now(), cpuNow = cpuMs();
	if (before === 0)
		rssBefore = rss();
	if (name) {
		phases[name] = (phases[name] ?? 0) + now - before;
		cpu[name] = (cpu[name] ?? 0) + cpuNow - cpuBefore;
	}
	cpuBefore = cpuMs();
	before = performance.now();
}

function report() {
	const sum = (all) => Object.values(all).reduce((a, b) => a + b, 0);
	console.log(JSON.stringify({ ms: sum(phases), cpu_ms: sum(cpu), phases, cpu,
		rss_kb: rss(), rss_before_kb: rssBefore,
		...figures }));
}

function check(text) {
	let h = 2166136261;
	for (const byte of Buffer.from(text, "utf8"))
		h = Math.imul(h ^ byte, 16777619) >>> 0;
	figures.length = Buffer.byteLength(text);
	figures.sum = h % 1000000;
}

class Trace {
	constructor(path) {
		this.data = readFileSync(path);
		this.at = 0;
		this.agents = this.u32();
		this.length = this.u32();
	}
	u32() {
		this.at += 4;
		return this.data.readUInt32LE(this.at - 4);
	}
	// Texts of traces are ASCII, so positions are the same in UTF-16.
	txn() {
		const agent = this.u32();
		const arrivals = Array.from({ length: this.u32() }, () => this.u32());
		const patches = Array.from({ length: this.u32() }, () => {
			const pos = this.u32(), del = this.u32(), n = this.u32();
			this.at += n;
			return [pos, del, this.data.toString("utf8", this.at - n, this.at)];
		});
		return { agent, arrivals, patches };
	}
}

// What each library needs to know about the others' four verbs.
const libraries = {
	async automerge() {
		const A = await import("@automerge/automerge");
		const actor = (n) => n.toString(16).padStart(2, "0").repeat(16);
		const wrap = (doc) => ({
			doc, text: doc.getWithType("/", "text")?.[1],
			make() { this.text = doc.putObject("/", "text", ""); },
			splice(p, d, s) { doc.splice(this.text, p, d, s); },
			commit() { doc.commit(undefined, 1700000000); },
			length: () => doc.text(wrap(doc).text).length,
			read() { return doc.text(this.text ?? doc.getWithType("/", "text")[1]); },
			save: () => doc.save(),
			last: () => doc.getLastLocalChange(),
			take(changes) { doc.applyChanges(changes); },
			mergeFrom(other) { doc.merge(other.doc); },
			fork: (n) => wrap(doc.fork(actor(n))),
		});
		return {
			create: (n) => wrap(A.getBackend(A.init(actor(n)))),
			load: (bytes, n) => wrap(A.getBackend(A.load(bytes, { actor: actor(n) }))),
		};
	},
	async yjs() {
		const Y = await import("yjs");
		const wrap = (doc) => {
			const pending = [];
			doc.on("update", (update, origin) => {
				if (origin !== "far")
					pending.push(update);
			});
			const text = doc.getText("text");
			let open = null;
			const self = {
				doc, make() {},
				splice(p, d, s) { open.push([p, d, s]); },
				begin() { open = []; },
				commit() {
					if (open === null)
						return;
					doc.transact(() => {
						for (const [p, d, s] of open) {
							if (d) text.delete(p, d);
							if (s) text.insert(p, s);
						}
					});
					open = null;
				},
				length: () => text.length,
				read: () => text.toString(),
				save: () => Y.encodeStateAsUpdate(doc),
				last: () => pending.splice(0),
				take(updates) {
					for (const list of updates)
						for (const u of list)
							Y.applyUpdate(doc, u, "far");
				},
				mergeFrom(other) {
					Y.applyUpdate(doc, Y.encodeStateAsUpdate(
						other.doc, Y.encodeStateVector(doc)), "far");
				},
				fork(n) {
					const copy = new Y.Doc();
					copy.clientID = n;
					Y.applyUpdate(copy, Y.encodeStateAsUpdate(doc), "far");
					return wrap(copy);
				},
			};
			return self;
		};
		const create = (n) => {
			const doc = new Y.Doc();
			doc.clientID = n;
			return wrap(doc);
		};
		return { create, load(bytes, n) {
			const doc = create(n);
			doc.take([[bytes]]);
			return doc;
		} };
	},
	async loro() {
		const { LoroDoc } = await import("loro-crdt");
		const wrap = (doc) => {
			const text = doc.getText("text");
			let sent = doc.oplogVersion();
			return {
				doc, make() {},
				splice(p, d, s) {
					if (d) text.delete(p, d);
					if (s) text.insert(p, s);
				},
				commit() { doc.commit(); },
				length: () => text.length,
				read: () => text.toString(),
				save: () => doc.export({ mode: "snapshot" }),
				last() {
					const out = doc.export({ mode: "update", from: sent });
					sent = doc.oplogVersion();
					return out;
				},
				take(updates) {
					for (const u of updates)
						doc.import(u);
					sent = doc.oplogVersion();
				},
				mergeFrom(other) {
					doc.import(other.doc.export({ mode: "update", from: doc.oplogVersion() }));
				},
				fork(n) {
					const copy = new LoroDoc();
					copy.setPeerId(BigInt(n));
					copy.import(doc.export({ mode: "snapshot" }));
					return wrap(copy);
				},
				};
		};
		const create = (n) => {
			const doc = new LoroDoc();
			doc.setPeerId(BigInt(n));
			return wrap(doc);
		};
		return { create, load(bytes, n) {
			const doc = create(n);
			doc.doc.import(bytes);
			return wrap(doc.doc);
		} };
	},
};

// Every patch is a splice; a transaction of ours is one change.
function edit(doc, patches) {
	doc.begin?.();
	for (const [p, d, s] of patches)
		doc.splice(p, d, s);
	doc.commit();
}

let seed = 0;
function roll(below) {
	seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
	return Math.floor(seed * below / 4294967296);
}

function edits(doc, count, from) {
	let length = doc.length();
	seed = from;
	for (let i = 0; i < count; i++) {
		const letter = String.fromCharCode(97 + roll(26)), del = i % 4 === 3 ? 1 : 0;
		edit(doc, [[roll(length - 1), del, del ? "" : letter]]);
		length += del ? -1 : 1;
	}
}

const rows = {
	replay(lib, path, how, out) {
		const trace = new Trace(path), doc = lib.create(1);
		phase();
		doc.begin?.();
		doc.make();
		if (how === "each")
			doc.commit();
		for (let i = 0; i < trace.length; i++) {
			const { patches } = trace.txn();
			if (how === "each") {
				edit(doc, patches);
			} else {
				for (const [p, d, s] of patches)
					doc.splice(p, d, s);
			}
		}
		doc.commit();
		phase("edit");
		const text = doc.read();
		phase("first read");
		check(text);
		writeFileSync(out, doc.save());
	},
	load(lib, path) {
		const bytes = readFileSync(path);
		phase();
		const doc = lib.load(bytes, 1);
		phase("load");
		const text = doc.read();
		phase("first read");
		check(text);
	},
	save(lib, path) {
		const doc = lib.load(readFileSync(path), 1);
		check(doc.read());
		phase();
		const bytes = doc.save();
		phase("write");
		figures.bytes = bytes.length;
	},
	merge(lib, path) {
		const bytes = readFileSync(path), a = lib.load(bytes, 3), b = lib.load(bytes, 2);
		edits(b, 1000, 1);
		edits(a, 1000, 2);
		phase();
		a.mergeFrom(b);
		phase("merge");
		check(a.read());
	},
	concurrent(lib, path) {
		const trace = new Trace(path), first = lib.create(255), made = [];
		first.begin?.();
		first.make();
		first.commit();
		phase();
		const docs = Array.from({ length: trace.agents }, (_, n) => first.fork(n + 1));
		for (let i = 0; i < trace.length; i++) {
			const { agent, arrivals, patches } = trace.txn();
			if (arrivals.length > 0)
				docs[agent].take(arrivals.map((n) => made[n]));
			phase("merge");
			edit(docs[agent], patches);
			phase("edit");
			made.push(docs[agent].last());
			phase("hand over");
		}
		for (let n = 0; n < docs.length; n++)
			first.mergeFrom(docs[n]);
		phase("merge all into an empty one");
		check(first.read());
	},
	large(lib, bytes, out) {
		const PIECE = 1 << 20, doc = lib.create(1);
		let piece = "";
		seed = 1;
		for (let i = 0; i < PIECE; i++)
			piece += roll(6) === 0 ? " " : String.fromCharCode(97 + roll(26));
		phase();
		doc.begin?.();
		doc.make();
		doc.commit();
		for (let at = 0; at < bytes; at += PIECE)
			edit(doc, [[at, 0, piece.slice(0, bytes - at)]]);
		edit(doc, [[bytes >> 1, 1, "+"]]);
		phase("edit");
		check(doc.read());
		writeFileSync(out, doc.save());
	},
};

rows[row](await libraries[library](), ...args);
report();
