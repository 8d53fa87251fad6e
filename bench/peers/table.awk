# From "result CASE KIND ARRIVED SENT NANOSECONDS" to a table: instructions per packet, less those
# of making, receiving and dropping it ("floor"), and how many times Weir's they are. IPv6 has its own floor and Weir.
$1 == "result" {
    if (!($2 in seen)) {
        seen[$2] = 1
        order[++cases] = $2
    }
    kind = $3
    if ($5 + 0 == 0 || $4 < 0.99 * $5)
        wrong[++wrongs] = $0
    else
        cost[$2, kind] = $6 / $4
}
function family(name) { return name ~ /^ipv6-/ ? "ipv6-" : "" }
function cell(name, kind) {
    return (name, kind) in cost ? cost[name, kind] - cost[family(name) "floor", kind] : -1
}
function beside(name, kind) { return times(cell(name, kind), cell(family(name) "weir-dsr-1", kind)) }
function number(x) { return x < 0 ? "-" : sprintf("%.0f", x) }
function times(a, b) { return a < 0 || b <= 0 ? "-" : sprintf("%.1f", a / b) }
END {
    printf "%-22s %9s %9s %13s %13s\n", "", "known", "new", "known ÷ weir", "new ÷ weir"
    for (i = 1; i <= cases; i++) {
        name = order[i]
        if (name == family(name) "floor") {
            printf "%-22s %9s %9s\n", name, number(cost[name, "known"]), number(cost[name, "new"])
            continue
        }
        printf "%-22s %9s %9s %13s %13s\n", name, number(cell(name, "known")), number(cell(name, "new")),
            beside(name, "known"), beside(name, "new")
    }
    for (i = 1; i <= wrongs; i++)
        print "not counted, packets did not arrive: " wrong[i]
    exit wrongs > 0
}
