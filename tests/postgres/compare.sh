#!/usr/bin/env bash
# Choosing among a million nodes: Cooperage against PostgreSQL 15, the same nodes and the same question in one run.
#
#   tests/postgres/compare.sh [path of cooperage]
#
# Needs Debian's postgresql-15, some 3 GB below /tmp and a few minutes; a release build says something, a debug build does not. The
# server listens on a socket in its own folder only, and goes away with it. Nothing of this is part of the plain tests.
#
# The tables are cut as the node index cuts them (threefoldtech/tfgrid-sdk-go: grid-proxy/internal/explorer/db), with an index for every
# column that is asked about, statistics taken and everything in memory. The question is the index's own: six conditions, cheapest
# first, 50 rows, and how many there are in all (`ret_count`), which a page with filters shows beside the rows. Times are the
# server's own (`EXPLAIN ANALYZE`, without timing each step), so that neither a connection nor printing rows counts against it.
set -euo pipefail

cooperage=$(realpath "${1:-target/release/cooperage}")
bin=${POSTGRES_BIN:-/usr/lib/postgresql/15/bin}
rounds=11
here=$(mktemp -d /tmp/cooperage-postgres.XXXXXX)
as=()
if [ "$(id -u)" = 0 ]; then
    as=(runuser -u postgres --)
    chown postgres "$here"
fi
chmod 755 "$here"

finish() {
    "${as[@]}" "$bin/pg_ctl" -D "$here/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$here"
}
trap finish EXIT

echo "Measuring Cooperage and writing the nodes …" >&2
(cd "$here" && "$cooperage" --json --data "$here/unused" bench --selection --csv "$here/nodes.csv") >"$here/ours.json"
chmod 644 "$here/nodes.csv"

"${as[@]}" "$bin/initdb" -D "$here/data" --auth=trust --no-sync >/dev/null
cat >>"$here/data/postgresql.conf" <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$here'
shared_buffers = 2GB
work_mem = 256MB
maintenance_work_mem = 512MB
effective_cache_size = 6GB
random_page_cost = 1.1
fsync = off
synchronous_commit = off
autovacuum = off
jit = on
SETTINGS
"${as[@]}" "$bin/pg_ctl" -D "$here/data" -l "$here/data/log" -w start >/dev/null
sql() { "${as[@]}" "$bin/psql" -h "$here" -d postgres -X -q -A -t -v ON_ERROR_STOP=1 "$@"; }

echo "Loading PostgreSQL …" >&2
sql <<SQL
CREATE TABLE raw (id int, twin int, farm int, region text, country text, city text, cru int, mru bigint, sru bigint, hru bigint,
    used_mru bigint, used_sru bigint, certified bool, dedicated bool, upload bigint, download bigint, uptime int, price bigint);
COPY raw FROM '$here/nodes.csv' CSV;
CREATE TABLE farm AS SELECT DISTINCT farm AS farm_id, 'Farm ' || farm AS name, farm AS twin_id FROM raw;
CREATE TABLE node AS SELECT id AS node_id, twin AS twin_id, farm AS farm_id, region, country, city, certified, dedicated FROM raw;
CREATE TABLE resources_cache AS SELECT id AS node_id, cru AS total_cru, mru AS total_mru, sru AS total_sru, hru AS total_hru,
    mru - used_mru AS free_mru, sru - used_sru AS free_sru, price AS price_usd FROM raw;
CREATE TABLE speed AS SELECT id AS node_id, upload, download, least(upload, download) AS line FROM raw;
CREATE TABLE health_report AS SELECT id AS node_id, uptime FROM raw;
DROP TABLE raw;
ALTER TABLE farm ADD PRIMARY KEY (farm_id);
ALTER TABLE node ADD PRIMARY KEY (node_id);
ALTER TABLE resources_cache ADD PRIMARY KEY (node_id);
ALTER TABLE speed ADD PRIMARY KEY (node_id);
ALTER TABLE health_report ADD PRIMARY KEY (node_id);
CREATE INDEX ON node (region);
CREATE INDEX ON node (country);
CREATE INDEX ON node (farm_id);
CREATE INDEX ON resources_cache (total_cru);
CREATE INDEX ON resources_cache (free_mru);
CREATE INDEX ON resources_cache (free_sru);
CREATE INDEX ON resources_cache (price_usd);
CREATE INDEX ON resources_cache (total_cru, free_mru, free_sru, price_usd);
CREATE INDEX ON speed (line);
CREATE INDEX ON health_report (uptime);
-- The same as one wide table, which is as kind to PostgreSQL as can be: no joins, one index that holds all that is asked about.
CREATE TABLE wide AS SELECT node.*, farm.name, total_cru, free_mru, free_sru, price_usd, line, uptime
    FROM node JOIN farm USING (farm_id) JOIN resources_cache USING (node_id) JOIN speed USING (node_id) JOIN health_report USING (node_id);
ALTER TABLE wide ADD PRIMARY KEY (node_id);
CREATE INDEX ON wide (region, price_usd, total_cru, free_mru, free_sru, line, uptime);
VACUUM ANALYZE;
SQL

joined="FROM node JOIN farm USING (farm_id) JOIN resources_cache USING (node_id) JOIN speed USING (node_id) JOIN health_report USING (node_id)"
wishes="WHERE region = 'Europe' AND total_cru >= 8 AND free_mru >= 32 * 1073741824::bigint AND free_sru >= 500 * 1073741824::bigint
    AND line >= 100000000 AND uptime >= 9900"

# Median of the server's own time for a question, in milliseconds.
took() {
    for _ in $(seq $rounds); do
        sql -c "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY ON) $1" | sed -n 's/^Execution Time: \([0-9.]*\) ms/\1/p'
    done | sort -g | sed -n "$(((rounds + 1) / 2))p"
}
page() { took "SELECT * $1 $wishes ORDER BY price_usd, node_id LIMIT 50"; }
count() { took "SELECT count(*) $1 $wishes"; }

echo "Asking PostgreSQL …" >&2
found=$(sql -c "SELECT count(*) $joined $wishes")
page_joined=$(page "$joined") count_joined=$(count "$joined")
page_wide=$(page "FROM wide") count_wide=$(count "FROM wide")

python3 - "$here/ours.json" "$found" "$page_joined" "$count_joined" "$page_wide" "$count_wide" <<'PYTHON'
import json, re, sys
report = json.load(open(sys.argv[1]))
figures = {figure["name"]: figure for figure in report["figures"]}
ours = figures["best 50 of a million"]["value"]
found = int(re.search(r"of (\d+) of", figures["best 50 of a million / bare loop"]["from"]).group(1))
theirs, page, count, wide_page, wide_count = int(sys.argv[2]), *map(float, sys.argv[3:])
if found != theirs:
    sys.exit(f"Cooperage finds {found} nodes and PostgreSQL {theirs}: they were asked different questions.")
if not report["optimised"]:
    print("NOT optimised: the goal is for a release build")
print(f"{found} of a million nodes are as wished; Cooperage: the best 50 and their number in {ours:.2f} ms")
for what, page, count in [("as the index cuts its tables", page, count), ("one wide table, one index for all", wide_page, wide_count)]:
    both = page + count
    print(f"PostgreSQL 15, {what}: page {page:.1f} ms, number {count:.1f} ms, both {both:.1f} ms: {both / ours:.0f} × (page alone {page / ours:.1f} ×)")
PYTHON
