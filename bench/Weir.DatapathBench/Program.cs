// SPDX-License-Identifier: Apache-2.0
// The endpoint program by BPF_PROG_TEST_RUN: nanoseconds a packet over a program that does nothing,
// all rows interleaved in one run, the median of the rounds.
using Weir.Bpf;
using Weir.Policy;
using Weir.Testing;

const int Rounds = 9;
const int Repeat = 200_000;
const string Web = "10.11.0.2";
const string Api = "10.11.0.3";
const string World = "203.0.113.10";

PolicyMapEntry[] egress = [ProgramHarness.AllowAll(PolicyDirection.Egress)];
List<(string Name, Func<double> Measure)> rows = [];
List<ProgramHarness> harnesses = [];

ProgramHarness Make(int policyEntries, int prefixes)
{
    ProgramHarness h = new(flows: 131_072);
    harnesses.Add(h);
    h.AddEndpoint(1, 256, Web, "fd00:11::2");
    h.AddEndpoint(2, 257, Api, "fd00:11::3");
    h.SetPolicy(1, egress);
    h.SetPolicy(2, Ingress(policyEntries));
    for (int i = 0; i < prefixes; i++)
    {
        h.SetIpcache($"100.{64 + (i >> 16)}.{(i >> 8) & 255}.{i & 255}/32", 0x01000000u + (uint)i);
    }

    return h;
}

static IEnumerable<PolicyMapEntry> Ingress(int count)
{
    yield return ProgramHarness.Allow(256, PolicyDirection.Ingress, 6, 80, 7);
    for (int i = 1; i < count; i++)
    {
        yield return ProgramHarness.Allow(300 + (uint)(i / 4), PolicyDirection.Ingress, 6, 1000 + (i % 4), (uint)i);
    }
}

Frame syn = new() { Source = Web, Destination = Api };
Frame syn6 = new() { Source = "fd00:11::2", Destination = "fd00:11::3" };

void Known(string name, ProgramHarness h, Frame frame, int flows)
{
    byte[][] frames = [.. Enumerable.Range(0, flows).Select(i => (frame with { SourcePort = (ushort)(1024 + i) }).ToBytes())];
    foreach (byte[] one in frames)
    {
        h.Program(1, "weir_from_ep").TestRun(one);
    }

    rows.Add((name, () => flows == 1
        ? h.Program(1, "weir_from_ep").TestRun(frames[0], repeat: Repeat).DurationNs
        : frames.Average(f => h.Program(1, "weir_from_ep").TestRun(f, repeat: 1).DurationNs)));
}

using BpfObject emptyObject = BpfObject.Open(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "empty.bpf.o")), "empty");
emptyObject.Load();
BpfProgram empty = emptyObject.Program("weir_empty");
byte[] frameBytes = syn.ToBytes();
rows.Add(("empty program", () => empty.TestRun(frameBytes, repeat: Repeat).DurationNs));
rows.Add(("empty program, one run a call", () => Enumerable.Range(0, 4096).Average(_ => empty.TestRun(frameBytes, repeat: 1).DurationNs)));

foreach ((int entries, int prefixes) in new[] { (10, 10), (1_000, 10), (16_000, 10), (10, 100_000) })
{
    ProgramHarness h = Make(entries, prefixes);
    string where = $"{entries} policy entries, {prefixes} prefixes";
    Known($"known flow, 1 flow, {where}", h, syn, 1);
    ProgramHarness many = Make(entries, prefixes);
    Known($"known flow, 4096 flows, {where}", many, syn, 4096);
    ProgramHarness denied = Make(entries, prefixes);
    byte[] deniedFrame = (syn with { DestinationPort = 81 }).ToBytes();
    rows.Add(($"denied, {where}", () => denied.Program(1, "weir_from_ep").TestRun(deniedFrame, repeat: Repeat / 10).DurationNs));
    ProgramHarness fresh = Make(entries, prefixes);
    int next = 0;
    rows.Add(($"new flow, {where}", () => Enumerable.Range(0, 4096).Average(_ =>
        fresh.Program(1, "weir_from_ep").TestRun((syn with { SourcePort = (ushort)(1024 + (next++ % 60_000)) }).ToBytes(), repeat: 1).DurationNs)));
    ProgramHarness outside = Make(entries, prefixes);
    Known($"known flow to the world, {where}", outside, syn with { Destination = World }, 1);
}

Known("known flow, IPv6, 1 flow", Make(10, 10), syn6, 1);

Dictionary<string, List<double>> results = rows.ToDictionary(r => r.Name, _ => new List<double>());
for (int round = 0; round < Rounds; round++)
{
    foreach ((string name, Func<double> measure) in rows)
    {
        results[name].Add(measure());
    }
}

double Median(string name) => results[name].Order().ElementAt(Rounds / 2);
double baseline = Median("empty program");
double single = Median("empty program, one run a call");
Console.WriteLine($"{"row",-66} {"ns",7} {"over empty",11}");
foreach ((string name, _) in rows)
{
    bool oneRun = name.Contains("4096", StringComparison.Ordinal) || name.StartsWith("new flow", StringComparison.Ordinal) || name.Contains("one run", StringComparison.Ordinal);
    Console.WriteLine($"{name,-66} {Median(name),7:F0} {Median(name) - (oneRun ? single : baseline),11:F0}");
}

Console.WriteLine($"translated instructions: weir_from_ep {harnesses[0].Program(1, "weir_from_ep").TranslatedLength / 8}, weir_to_ep {harnesses[0].Program(1, "weir_to_ep").TranslatedLength / 8}");
foreach (ProgramHarness h in harnesses)
{
    h.Dispose();
}
