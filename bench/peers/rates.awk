# From "result CASE KIND ARRIVED SENT NANOSECONDS", a line a round, to a table of thousands of packets per
# second: medians, and their ratio to iptables with one service. "Less the floor": of the time that
# making, receiving and dropping a packet does not take.
$1 == "result" {
    if (!($2 in seen)) {
        seen[$2] = 1
        order[++cases] = $2
    }
    if ($5 + 0 == 0 || $4 < 0.99 * $5)
        wrong[++wrongs] = $0
    else
        times[$2, $3, ++rounds[$2, $3]] = $6 / $4
}
function median(name, kind,    n, i, j, v, x) {
    n = rounds[name, kind]
    for (i = 1; i <= n; i++)
        v[i] = times[name, kind, i]
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j] < v[j - 1]; j--) {
            x = v[j]
            v[j] = v[j - 1]
            v[j - 1] = x
        }
    return n == 0 ? 0 : n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}
function rate(ns) { return ns ? sprintf("%.0f", 1000000 / ns) : "-" }
function ratio(base, ns) { return ns > 0 && base > 0 ? sprintf("%.1f", base / ns) : "-" }
END {
    printf "%-22s %21s %21s %21s\n", "", "1000 packets/s", "÷ iptables-1", "less the floor"
    printf "%-22s %10s %10s %10s %10s %10s %10s\n", "", "known", "new", "known", "new", "known", "new"
    for (i = 1; i <= cases; i++) {
        k = median(order[i], "known")
        n = median(order[i], "new")
        printf "%-22s %10s %10s %10s %10s %10s %10s\n", order[i], rate(k), rate(n),
            ratio(median("iptables-1", "known"), k), ratio(median("iptables-1", "new"), n),
            ratio(median("iptables-1", "known") - median("floor", "known"), k - median("floor", "known")),
            ratio(median("iptables-1", "new") - median("floor", "new"), n - median("floor", "new"))
    }
    for (i = 1; i <= wrongs; i++)
        print "not counted, packets did not arrive: " wrong[i]
}
