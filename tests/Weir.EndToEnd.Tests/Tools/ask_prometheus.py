"""ask_prometheus.py ADDRESS: reads queries, one a line, and prints those that have no answer, each with why."""
import json
import sys
import urllib.parse
import urllib.request

for query in filter(None, map(str.strip, sys.stdin)):
    url = f"http://{sys.argv[1]}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            rows = json.load(answer)["data"]["result"]
    except OSError as error:
        print(f"{query}: {error}")
        continue
    if not any(row["value"][1] != "NaN" for row in rows):
        print(f"{query}: nothing but {rows}")
