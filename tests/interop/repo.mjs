// repo.mjs - lk and automerge-repo read each other's folders.
//
// What the storage adapter of automerge-repo for file systems has written comes
// in whole; what a crash tore costs only itself.  What lk exports opens in a
// Repo, which goes on with it, and comes back.
//
// usage: node repo.mjs [--lk PATH] [--rounds N]

import * as A from "@automerge/automerge";
import { Repo } from "@automerge/automerge-repo";
import { NodeFSStorageAdapter } from "@automerge/automerge-repo-storage-nodefs";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);
const { values: options } = parseArgs({
	options: {
		lk: { type: "string",
			default: process.env.LK ?? path.resolve(here, "../../build/release/lk") },
		rounds: { type: "string", default: "8" },
	},
});
const home = fs.mkdtempSync(path.join(os.tmpdir(), "lkr-"));
let devices = 0;

class Failed extends Error {}

// A device of its own, so that names do not collide.
function device() {
	const store = path.join(home, `device-${devices++}`);
	const env = {
		PATH: process.env.PATH, HOME: home, TMPDIR: home, LANG: "C.UTF-8",
		LK_HOME: store, LK_LISTEN: "127.0.0.1:0",
		ASAN_OPTIONS: `log_path=${store}/report`, UBSAN_OPTIONS: `log_path=${store}/report`,
	};
	const run = (...args) => {
		const p = spawnSync(options.lk, args, { env, cwd: home, maxBuffer: 1 << 28, timeout: 120000 });
		if (p.error) throw p.error;
		return { code: p.status, out: p.stdout, err: p.stderr.toString() };
	};
	const ok = (...args) => {
		const p = run(...args);
		if (p.code !== 0)
			throw new Failed(`lk ${args.join(" ")}: exit ${p.code}: ${p.err}`);
		return p.out;
	};
	ok("-q", "init");
	const stop = () => {
		ok("-q", "daemon", "stop");
		const reports = fs.readdirSync(store).filter((f) => f.startsWith("report"));
		if (reports.length > 0)
			throw new Failed(fs.readFileSync(path.join(store, reports[0]), "utf8"));
	};
	return { run, ok, stop };
}

// Random, but the same in every run.
let state = 1;
const dice = (n) => (state = (state * 48271) % 2147483647) % n;
const noise = (n) => Array.from({ length: n }, () => String.fromCharCode(33 + dice(90))).join("");

const repoOf = (dir) => new Repo({ storage: new NodeFSStorageAdapter(dir) });

// Two documents in a folder, of which one has a snapshot and increments, made
// by a second run as they only pile up behind a snapshot of some size.
async function makeFolder(dir) {
	const first = repoOf(dir);
	const large = first.create({ text: noise(6000), n: 0, list: [] });
	const small = first.create({ hello: "world", when: new Date(0) });
	await first.flush();
	const again = repoOf(dir);
	const handle = await again.find(large.url);
	for (let i = 1; i <= 8; i++) {
		handle.change((d) => {
			d.n = i;
			d.list.push(noise(20));
			A.splice(d, ["text"], dice(5000), 3, noise(5));
		});
		await again.flush();
	}
	return [handle, small].map((h) => ({ id: h.documentId, doc: h.doc() }));
}

function chunkFiles(dir, id) {
	const top = path.join(dir, id.slice(0, 2), id.slice(2));
	return fs.readdirSync(top, { recursive: true }).map((f) => path.join(top, f))
		.filter((f) => fs.statSync(f).isFile());
}

// What Automerge knows from the files that are intact.
function intactHeads(files) {
	let doc = A.init();
	for (const f of files)
		doc = A.loadIncremental(doc, fs.readFileSync(f));
	return A.getHeads(doc);
}

const exportedHeads = (d, name) =>
	A.getHeads(A.load(d.ok("export", name, "--format", "automerge")));

function same(what, got, want) {
	if (!isDeepStrictEqual(got, want))
		throw new Failed(`${what}: ${JSON.stringify(got)}\nnot ${JSON.stringify(want)}`);
}

async function takesAFolder() {
	const dir = path.join(home, "plain"), d = device();
	const docs = await makeFolder(dir);
	if (chunkFiles(dir, docs[0].id).length < 5)
		throw new Failed("the folder has no increments");
	d.ok("import", dir);
	same("documents", d.ok("ls").toString().trim().split("\n").sort(), docs.map((x) => x.id).sort());
	for (const { id, doc } of docs) {
		same(`heads of ${id}`, exportedHeads(d, id), A.getHeads(doc));
		same(`what ${id} shows`, JSON.parse(d.ok("get", id, "--json").toString()),
			JSON.parse(JSON.stringify(doc)));
	}
	d.stop();
}

// One file of each kind of damage; the rest, in whatever order, is kept.
async function survivesACrash(round) {
	const dir = path.join(home, `torn-${round}`), d = device();
	const [{ id }] = await makeFolder(dir);
	const files = chunkFiles(dir, id).filter((f) => f.includes("incremental"));
	const victim = files[dice(files.length)];
	const bytes = fs.readFileSync(victim);
	const damaged = [
		() => bytes.subarray(0, dice(bytes.length)),
		() => Buffer.alloc(0),
		() => { bytes[dice(bytes.length)] ^= 1 << dice(8); return bytes; },
		() => Buffer.from(noise(bytes.length)),
	][round % 4]();
	fs.writeFileSync(victim, damaged);
	// Names say nothing about the order.
	for (const f of files.filter((x) => x !== victim))
		fs.renameSync(f, path.join(path.dirname(f), noise(12).replace(/[^A-Za-z]/g, "x") + dice(1e9)));
	const p = d.run("import", dir);
	same("exit", p.code, 3);
	if (!p.err.includes(path.basename(victim)))
		throw new Failed(`it does not name ${victim}: ${p.err}`);
	const rest = chunkFiles(dir, id).filter((f) => f !== victim);
	same("heads of what is left", exportedHeads(d, id), intactHeads(rest));
	// Every change was in one file, and each followed the one before.
	if (A.getHeads(A.load(d.ok("export", id, "--format", "automerge"))).length !== 1)
		throw new Failed("it has more heads than it ever had");
	d.stop();
}

async function isOpenedByARepo() {
	const dir = path.join(home, "ours"), d = device();
	d.ok("new", "plan");
	d.ok("set", "plan", "/title", '"made by lk"');
	d.ok("set", "--counter", "plan", "/n", "3");
	fs.writeFileSync(path.join(home, "notes.md"), "# Notes\n");
	d.ok("import", "notes.md");
	const said = d.ok("export", "--format", "automerge-repo", "-o", dir, "plan", "notes").toString();
	const urls = [...said.matchAll(/^(\S+)  (automerge:\S+)$/gm)].map((m) => [m[1], m[2]]);
	same("documents", urls.map((u) => u[0]), ["plan", "notes"]);
	const repo = repoOf(dir);
	for (const [name, url] of urls) {
		const handle = await repo.find(url);
		same(`heads of ${name}`, A.getHeads(handle.doc()), exportedHeads(d, name));
	}
	const plan = await repo.find(urls[0][1]);
	same("title", plan.doc().title, "made by lk");
	// Each goes on; a second export joins what the repo has by now.
	plan.change((doc) => { doc.theirs = 1; });
	await repo.flush();
	d.ok("set", "plan", "/ours", "2");
	d.ok("export", "--format", "automerge-repo", "-o", dir, "plan");
	const both = (await repoOf(dir).find(urls[0][1])).doc();
	same("both", [both.theirs, both.ours, both.title], [1, 2, "made by lk"]);
	// And back, under the same id.
	const other = device();
	other.ok("import", dir);
	const id = urls[0][1].slice("automerge:".length);
	same("heads of what came back", exportedHeads(other, id), A.getHeads(both));
	const again = other.ok("export", "--format", "automerge-repo", "-o", `${dir}-2`, id).toString();
	same("id", again.trim().split("  ")[1], urls[0][1]);
	if (fs.readdirSync(dir).some((f) => f.startsWith(".")))
		throw new Failed("something unfinished is left in the folder");
	d.stop();
	other.stop();
}

const cases = [["a folder of automerge-repo comes in whole", takesAFolder],
	["what lk exports opens in a repo, and comes back", isOpenedByARepo]];
for (let i = 0; i < Number(options.rounds); i++)
	cases.push([`a folder with a torn file, round ${i}`, () => survivesACrash(i)]);
let failed = 0;
for (const [name, run] of cases) {
	try {
		await run();
		console.log(`ok: ${name}`);
	} catch (e) {
		failed++;
		console.log(`not ok: ${name}\n${e instanceof Failed ? e.message : e.stack}`);
	}
}
fs.rmSync(home, { recursive: true, force: true });
process.exit(failed > 0 ? 1 : 0);
