"""casefile analyze, and its signatures over many lines, beside DuckDB and ripgrep, in one run.

    python3 benches/analyze.py --target target/release [--lines 10000000] [--patterns 100] [--runs 11]

The bundles are made by the example `polls` of `evidence`. DuckDB's command-line program is looked for beside the Python that runs
this (`pip install duckdb duckdb-cli`); `rg` and `zstd` (Debian's packages) on the PATH. What is not there is left out.

1. The typical bundle (36 polls, 6 tasks, 20,000 lines, 20 signatures): a whole `analyze`, and the DuckDB program with the SQL of the same views and
   checks over the same files. The tables that casefile derives without SQL (matches, streams, the judged rollout) are given to DuckDB
   as files.
2. 100 signatures over 10,000,000 lines: `analyze`, and an `analyze` without signatures; decoding the column of the messages, by
   the example `decode`; DuckDB with one `regexp_matches` for each; `zstd -dc | rg -c` on the same text.
3. How that grows with the lines, the signatures and the threads.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def run(command, runs=1, stdin=os.devnull, ok=(0,)):
    """The median of the seconds, the peak of the memory in MB, and the output."""
    seconds, memory = [], 0
    words = command if isinstance(command, str) else [str(word) for word in command]
    for _ in range(runs):
        with open(stdin) as file, tempfile.TemporaryFile("w+") as err:
            began = time.monotonic()
            process = subprocess.Popen(words, shell=isinstance(command, str), stdin=file, stdout=subprocess.PIPE, stderr=err)
            out = process.stdout.read().decode(errors="replace")
            _, status, usage = os.wait4(process.pid, 0)
            seconds.append(time.monotonic() - began)
            if os.waitstatus_to_exitcode(status) not in ok:
                err.seek(0)
                sys.exit(f"{command}: {err.read()}{out}")
        memory = max(memory, usage.ru_maxrss / 1024)
    return statistics.median(seconds), memory, out


def of_duckdb(sql):
    """casefile's SQL in DuckDB's words: a time as a number is `epoch_ms`, and `at` is a keyword."""
    sql = re.sub(r"^\s*--.*$", "", sql, flags=re.M)
    sql = re.sub(r"CAST\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*?) AS BIGINT\)", r"epoch_ms(\1)", sql)
    sql = sql.replace("regexp_like(", "regexp_matches(").replace("regexp_match(", "regexp_extract_all(")
    sql = re.sub(r"json_(?:as_text|get_str)\((\w+), '(\w+)'\)", r"json_extract_string(\1, '$.\2')", sql)
    parts = re.split(r"('(?:[^']|'')*')", sql)
    return "".join(part if part.startswith("'") else re.sub(r"\bat\b", '"at"', part) for part in parts)


def script(casefile, bundle, config, folder):
    """The views and the checks as one script, over the bundle's files and over those that are exported here."""
    lines = ["SET threads = 2;", "SET TimeZone = 'UTC';"]
    stored = {path.stem: path for path in (bundle / "data").glob("*.parquet")}
    views = re.findall(r'\("(\w+)", include_str', (ROOT / "analyzer/src/tables/views.rs").read_text())
    described = subprocess.run(
        [casefile, "query", bundle, "--config", config, "--tables"], capture_output=True, text=True, check=True).stdout
    for name in re.findall(r"^(\w+)(?: \(derived\))?  ", described, re.M):
        # The row of the target is completed by the rollout that is judged.
        if name in views or name in stored and name != "target":
            continue
        stored[name] = folder / f"{name}.parquet"
        subprocess.run(
            [casefile, "query", bundle, f"SELECT * FROM {name}", "--config", config, "-o", stored[name], "--rows", "100000"],
            check=True)
    lines += [f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{path}');" for name, path in stored.items()]
    for name in views:
        lines.append(f"CREATE TEMP TABLE {name} AS {of_duckdb((ROOT / f'analyzer/views/{name}.sql').read_text())};")
    checks = sorted((ROOT / "queries").rglob("*.sql"))
    lines += [f"{of_duckdb(path.read_text())};" for path in checks]
    path = folder / "checks.sql"
    path.write_text("\n".join(lines))
    return path, len(checks)


def typical(arguments, folder, duckdb):
    casefile, bundle, rules = arguments.target / "casefile", folder / "typical", config(folder, signatures(20))
    run([arguments.target / "examples/polls", bundle, 6, 36, 20_000])
    seconds, memory, _ = run([casefile, "analyze", bundle, "--config", rules], arguments.runs)
    print(f"analyze, typical bundle: {seconds * 1000:.0f} ms, {memory:.0f} MB")
    if duckdb:
        path, checks = script(casefile, bundle, rules, folder)
        theirs, memory, _ = run([duckdb, "-bail"], arguments.runs, stdin=path)
        print(f"  DuckDB, the same {checks} checks: {theirs * 1000:.0f} ms, {memory:.0f} MB ({seconds / theirs:.2f}x of that is casefile's)")


def signatures(count):
    """The text signatures of the libraries, and made ones: (whether it is a plain text, text)."""
    found = []
    for path in sorted((ROOT / "signatures").glob("*.toml")):
        for signature in tomllib.loads(path.read_text())["signature"]:
            found += [(key == "contains", signature[key]) for key in ("contains", "pattern") if key in signature]
    made = [(False, rf"worker-\d+ lost connection to shard {number}: code=E\d{{3}}") for number in range(count)]
    return (found + made)[:count]


def config(folder, wanted):
    """A config with these signatures."""
    path = folder / f"{len(wanted)}.toml"
    path.write_text('service = "shop"\n' + "".join(f"""
[[signature]]
id = "bench.{number}"
title = "bench {number}"
expect = "failure"
{"contains" if plain else "pattern"} = {json.dumps(text)}
""" for number, (plain, text) in enumerate(wanted)))
    return path


def many_lines(arguments, folder, duckdb):
    casefile, bundle = arguments.target / "casefile", folder / "many"
    run([arguments.target / "examples/polls", bundle, 40, 36, arguments.lines])
    wanted = signatures(arguments.patterns)
    _, _, out = run([arguments.target / "examples/decode", bundle])
    decoded = float(out.split()[-2])
    analyze = lambda bundle, patterns, *more: run(
        [casefile, "analyze", bundle, "--config", config(folder, signatures(patterns)), *more], 3)
    bare, _, _ = analyze(bundle, 0)
    seconds, memory, _ = analyze(bundle, arguments.patterns)
    print(f"{arguments.patterns} signatures, {arguments.lines:,} lines: analyze {seconds:.2f} s, {memory:.0f} MB; without signatures "
          f"{bare:.2f} s; decoding the messages alone {decoded:.2f} s ({seconds / decoded:.2f}x of that)")
    for patterns in (1, 10, arguments.patterns, 3 * arguments.patterns):
        seconds_of, memory, _ = analyze(bundle, patterns)
        print(f"  {patterns} signatures: {seconds_of:.2f} s, {memory:.0f} MB")
    # It has no fixed text, so every line is matched; and it matches none.
    loose = config(folder, [*wanted, (False, r"\d{30}")])
    seconds_of, memory, _ = run([casefile, "analyze", bundle, "--config", loose], 3)
    print(f"  and one without a fixed text: {seconds_of:.2f} s, {memory:.0f} MB")
    for lines in (arguments.lines // 100, arguments.lines // 10, arguments.lines // 3):
        smaller = folder / f"{lines}"
        run([arguments.target / "examples/polls", smaller, 40, 36, lines])
        seconds_of, memory, _ = analyze(smaller, arguments.patterns)
        print(f"  {lines:,} lines: {seconds_of:.2f} s, {memory:.0f} MB")
    one, _, _ = analyze(bundle, arguments.patterns, "--threads", 1)
    print(f"  --threads 1: {one:.2f} s")
    events = bundle / "data/log_events.parquet"
    if duckdb:
        quoted = lambda text: "'" + text.replace("'", "''") + "'"
        counts = ", ".join(
            f"count(*) FILTER ({'contains' if plain else 'regexp_matches'}(message, {quoted(text)}))" for plain, text in wanted)
        script = folder / "many.sql"
        script.write_text(f"SET threads = 2; SELECT {counts} FROM read_parquet('{events}');")
        theirs, memory, _ = run([duckdb, "-bail"], stdin=script)
        print(f"  DuckDB, the same expressions: {theirs:.2f} s, {memory:.0f} MB ({theirs / seconds:.1f}x)")
    if duckdb and shutil.which("rg") and shutil.which("zstd"):
        text, patterns = folder / "lines.txt", folder / "patterns.txt"
        export = f"COPY (SELECT message FROM read_parquet('{events}')) TO '{text}' (FORMAT csv, HEADER false, QUOTE '', DELIMITER '\x01');"
        subprocess.run([duckdb, "-c", export], check=True, capture_output=True)
        subprocess.run(["zstd", "-q", "-3", "--rm", text], check=True)
        literally = lambda text: re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)
        patterns.write_text("".join((literally(text) if plain else text) + "\n" for plain, text in wanted))
        theirs, _, out = run(f"zstd -dc {text}.zst | rg -c -f {patterns}", 3, ok=(0, 1))
        print(f"  zstd -dc | rg -c: {theirs:.2f} s, {out.strip()} lines ({theirs / seconds:.2f}x)")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default=ROOT / "target/release", type=pathlib.Path)
    parser.add_argument("--lines", default=10_000_000, type=int)
    parser.add_argument("--patterns", default=100, type=int)
    parser.add_argument("--runs", default=11, type=int)
    arguments = parser.parse_args()
    beside = pathlib.Path(sys.executable).parent / "duckdb"
    duckdb = beside if beside.exists() else shutil.which("duckdb")
    with tempfile.TemporaryDirectory(prefix="casefile-bench-") as folder:
        typical(arguments, pathlib.Path(folder), duckdb)
        many_lines(arguments, pathlib.Path(folder), duckdb)


main()
