// SPDX-License-Identifier: Apache-2.0
// The endpoint program by BPF_PROG_TEST_RUN: nanoseconds a packet over a program that does nothing.
// All rows are measured in turn, round after round, so that the machine's moods hit all alike; the
// median of the rounds is shown, and the fastest, over that of the empty program.
using Weir.DatapathBench;
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Policy;
using Weir.Testing;

// "balancer" measures the program of a device instead, "sockets" the socket hook, "http" the verdict on requests; any other
// word only the rows with it in their names.
if (args is ["balancer"])
{
    using var balancer = new BalancerBench();
    balancer.Run();
    return;
}

const string Web = "10.11.0.2";
const string Api = "10.11.0.3";
const string World = "203.0.113.10";

if (args is ["sockets"])
{
    SocketBench.Run();
    return;
}

if (args is ["http"])
{
    HttpBench.Run();
    return;
}

string only = args is [var word] ? word : "";
Frame syn = new() { Source = Web, Destination = Api };
Frame denied = syn with { DestinationPort = 81 };
Frame first = syn with { SourcePort = Driver.FirstPort, Payload = [] };
Frame answer = first.Reply() with { Sequence = 5000 };
Frame acknowledgement = first with { TcpFlags = 0x10, Sequence = 1001, Acknowledgement = 5001, Payload = [1, 2, 3, 4] };
List<Row> rows = [];
List<IDisposable> garbage = [];

rows.Add(new Row("empty program", Track(new Driver(null, syn.ToBytes(), 1)), Length.Known, IsKnown: false));
foreach ((int entries, int prefixes) in new[] { (10, 10), (1_000, 10), (16_000, 10), (10, 100_000) })
{
    string where = $"{entries,6} policy entries, {prefixes,6} prefixes";
    Add($"known flow, 1 live       {where}", acknowledgement, 1, Length.Known, entries, prefixes);
    Add($"known flow, 4096 live    {where}", acknowledgement, 4_096, Length.Known, entries, prefixes);
    Add($"known flow to the world  {where}", acknowledgement with { Destination = World }, 1, Length.Known, entries, prefixes);
    Add($"its SYN again            {where}", syn, 1, Length.Known, entries, prefixes);
    Add($"new flow                 {where}", syn, 60_000, Length.New, entries, prefixes);
    Add($"denied                   {where}", denied, 1, Length.New, entries, prefixes);
}

AddOverlay();
if (rows is [_])
{
    Console.Error.WriteLine($"datapath.sh: no row has \"{string.Join(' ', args)}\" in its name; without a word all are measured");
    garbage.ForEach(g => g.Dispose());
    Environment.ExitCode = 2;
    return;
}

Dictionary<Row, List<double>> results = rows.ToDictionary(r => r, _ => new List<double>());
foreach (Row row in rows)
{
    // Goes through all flows once; a row of new flows keeps its ports unused.
    if (row.IsKnown)
    {
        row.Driver.Run(4_096);
    }
}

for (int round = 0; round < Length.Rounds; round++)
{
    foreach (Row row in rows)
    {
        results[row].Add(row.Driver.Run(row.Repeat));
    }
}

double Median(Row row) => results[row].Order().ElementAt(Length.Rounds / 2);
Console.WriteLine($"{"",-66} {"ns",6} {"over empty",11} {"fastest",8}");
foreach (Row row in rows)
{
    Row empty = row.Over ?? rows[0];
    Console.WriteLine($"{row.Name,-66} {Median(row),6:F0} {Median(row) - Median(empty),11:F0} {results[row].Min() - results[empty].Min(),8:F0}");
}

ProgramHarness any = garbage.OfType<ProgramHarness>().First();
Console.WriteLine($"instructions: weir_from_ep {any.Program(1, "weir_from_ep").TranslatedLength / 8}, weir_to_ep {any.Program(1, "weir_to_ep").TranslatedLength / 8}");
garbage.ForEach(g => g.Dispose());

void Add(string name, Frame frame, uint flows, int repeat, int entries, int prefixes)
{
    if (!name.Contains(only, StringComparison.Ordinal))
    {
        return;
    }

    ProgramHarness h = Track(new ProgramHarness(flows: 131_072));
    h.AddEndpoint(1, 256, Web, "fd00:11::2");
    h.AddEndpoint(2, 257, Api, "fd00:11::3");
    h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress));
    h.SetPolicy(2, Ingress(entries));
    for (int i = 0; i < prefixes; i++)
    {
        h.SetIpcache($"100.{64 + (i >> 16)}.{(i >> 8) & 255}.{i & 255}/32", 0x0100_0000u + (uint)i);
    }

    for (ushort i = 0; frame.TcpFlags == acknowledgement.TcpFlags && i < flows; i++)
    {
        Frame opens = first with { SourcePort = (ushort)(Driver.FirstPort + i), Destination = frame.Destination };
        Frame replies = opens.Reply() with { Sequence = answer.Sequence };
        h.FromContainer(1, opens);
        _ = frame.Destination == Api ? h.FromContainer(2, replies) : h.ToContainer(1, replies, cameBy: 7);
    }

    rows.Add(new Row(name, Track(new Driver(h.Program(1, "weir_from_ep"), frame.ToBytes(), flows)), repeat, IsKnown: repeat == Length.Known));
}

// Between hosts: what the overlay brings to Api from Far, and what Web sends there.
void AddOverlay()
{
    const string Far = "10.11.1.2";
    const uint Node = 2;
    const uint Address = 0xc000020b; // 192.0.2.11
    const uint Identity = 70_000;
    if (only.Length > 0 && !only.Contains("overlay", StringComparison.Ordinal))
    {
        return;
    }

    ProgramHarness h = Track(new ProgramHarness(flows: 131_072));
    h.AddEndpoint(1, 70_001, Web, null);
    h.AddEndpoint(2, 70_002, Api, null);
    h.SetNode(Node, "192.0.2.11", NodeFlag.Overlay);
    h.SetOverlay(1);
    h.SetIpcache(Far + "/32", Identity, network: 1, (ushort)Node);
    h.SetPolicy(1, ProgramHarness.AllowAll(PolicyDirection.Egress));
    h.SetPolicy(2, ProgramHarness.AllowAll(PolicyDirection.Ingress));
    Frame opens = first with { Source = Far };
    Driver From(Frame frame) => Track(new Driver(h.OverlayProgram("weir_from_overlay"), frame.ToBytes(), 1, Address, Identity));
    From(opens).Run(1);
    h.FromContainer(2, answer with { Destination = Far });
    var empty = new Row("empty program, from a tunnel", Track(new Driver(null, opens.ToBytes(), 1, Address, Identity)), Length.Known, IsKnown: false);
    rows.Add(empty);
    rows.Add(new Row("overlay, received, established", From(acknowledgement with { Source = Far }), Length.Known, IsKnown: true, empty));
    rows.Add(new Row("overlay, sent", Track(new Driver(h.Program(1, "weir_from_ep"), (syn with { Destination = Far }).ToBytes(), 1)), Length.Known, IsKnown: true));
}

T Track<T>(T thing)
    where T : IDisposable
{
    garbage.Add(thing);
    return thing;
}

static IEnumerable<PolicyMapEntry> Ingress(int count)
{
    yield return ProgramHarness.Allow(256, PolicyDirection.Ingress, 6, 80, 7);
    for (int i = 1; i < count; i++)
    {
        yield return ProgramHarness.Allow(300 + (uint)(i / 4), PolicyDirection.Ingress, 6, 1000 + (i % 4), (uint)i);
    }
}

namespace Weir.DatapathBench
{
    /// <summary>One line of the table.</summary>
    /// <param name="Over">The program that costs nothing; null: the first line's.</param>
    internal sealed record Row(string Name, Driver Driver, int Repeat, bool IsKnown, Row? Over = null);
}
