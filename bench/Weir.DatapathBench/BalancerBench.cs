// SPDX-License-Identifier: Apache-2.0
using Weir.Datapath.Abi;
using Weir.Testing;

namespace Weir.DatapathBench;

/// <summary>The load balancer's program at a device: nanoseconds a packet over an empty program. All rows are
/// measured in turn, round after round; the median of the rounds is shown, and the fastest, over that of the empty program.</summary>
internal sealed class BalancerBench : IDisposable
{
    private const uint Backends = 128;
    private const uint Slots = 16_384;
    private const uint Few = 4_096;
    private const uint Live = 65_536;
    private const byte Tcp = 6;
    private const byte Udp = 17;
    private const byte Ack = 0x10;
    private const string Own = "198.51.100.1";
    private const string Own6 = "2001:db8:3::1";
    private const string Address = "192.0.2.80";
    private const string Address6 = "2001:db8:2::80";

    private static readonly Frame _known = new()
    {
        Source = "203.0.113.7", Destination = Address, TcpFlags = Ack, Payload = new byte[74],
    };

    private readonly List<Row> _rows = [];
    private readonly List<IDisposable> _garbage = [];

    public void Run()
    {
        Add("empty program", null, _known, 1, Length.Known);
        foreach (int services in new[] { 1, 1_000, 50_000 })
        {
            AddRows(services);
        }

        Dictionary<Row, List<double>> results = _rows.ToDictionary(r => r, _ => new List<double>());
        _rows.ForEach(Check);
        for (int round = 0; round < Length.Rounds; round++)
        {
            foreach (Row row in _rows)
            {
                Meet(row);
                results[row].Add(row.Driver.Run(row.Repeat).Nanoseconds);
            }
        }

        double Median(Row row) => results[row].Order().ElementAt(Length.Rounds / 2);
        double empty = Median(_rows[0]);
        double fastest = results[_rows[0]].Min();
        Console.WriteLine($"{"",-52} {"ns",6} {"over empty",11} {"fastest",8} {"aim",6}");
        foreach (Row row in _rows)
        {
            Console.WriteLine($"{row.Name,-52} {Median(row),6:F0} {Median(row) - empty,11:F0} {results[row].Min() - fastest,8:F0} {row.Aim,6}");
        }

        Console.WriteLine($"instructions: weir_xdp {_garbage.OfType<XdpHarness>().First().Program.TranslatedLength / 8} with all its functions");
    }

    public void Dispose() => _garbage.ForEach(g => g.Dispose());

    /// <summary>Meets every flow once, and sees that the row measures what it says.</summary>
    private static void Check(Row row)
    {
        uint action = row.Driver.Run(row.Repeat == Length.Known ? (int)Live : 1).Action;
        bool passes = row.Aim == "" && row.Name == "empty program" || row.Name.Contains("no service", StringComparison.Ordinal);
        if (action != (passes ? XdpHarness.Pass : XdpHarness.Transmit))
        {
            throw new InvalidOperationException($"{row.Name}: the program returned {action}");
        }
    }

    /// <summary>Flows that are live have sent something a moment ago, whatever other rows took.</summary>
    private static void Meet(Row row)
    {
        if (row.Repeat == Length.Known && row.Flows <= Few)
        {
            row.Driver.Run((int)row.Flows);
        }
    }

    private void AddRows(int services)
    {
        var h = new XdpHarness(frontends: 65_536, slots: 262_144, natEntries: 131_072);
        _garbage.Add(h);
        Fill(h, services);
        string where = $"{services,6} services";
        foreach (uint live in new[] { 1u, Few, Live })
        {
            Add($"{where}  DSR, known, {live,6} live", h, _known, live, Length.Known, "60");
        }

        Add($"{where}  DSR, SYN", h, _known with { TcpFlags = 2 }, Live, Length.Known, "60");
        Add($"{where}  no service", h, _known with { DestinationPort = 9 }, Live, Length.Known, "35");
        if (services != 1_000)
        {
            return;
        }

        Add($"{where}  DSR, UDP,      4096 live", h, _known with { Protocol = Udp }, 4_096, Length.Known);
        Add($"{where}  DSR, IPv6,     4096 live", h, _known with { Source = "2001:db8:1::7", Destination = Address6 }, 4_096, Length.Known);
        Add($"{where}  no service, IPv6", h, _known with { Source = "2001:db8:1::7", Destination = Address6, DestinationPort = 9 }, Live, Length.Known);
        Add($"{where}  L2, known,     4096 live", h, _known with { DestinationPort = 81 }, 4_096, Length.Known);
        Frame opening = _known with { DestinationPort = 82, TcpFlags = 2 };
        Add($"{where}  SNAT, SYN, new", h, opening with { Source = "203.10.113.7" }, Live, Length.New);
        Add($"{where}  SNAT, SYN, again", h, opening with { Source = "203.11.113.7" }, 1, Length.Known);
        foreach (uint live in new[] { 1u, Few })
        {
            // The flows are opened before; only then they are known.
            using (var opens = new XdpDriver(h.Program, opening.Seal(), live))
            {
                opens.Run((int)live);
            }

            h.ProveOpening();

            Add($"{where}  SNAT, known, {live,6} live", h, opening with { TcpFlags = Ack }, live, Length.Known);
        }
    }

    private static void Fill(XdpHarness h, int services)
    {
        for (uint id = 1; id <= Backends; id++)
        {
            h.AddBackend(id, $"198.51.100.{id + 10}", 8080, Own);
            h.AddBackend(Backends + id, $"2001:db8:3::{id + 16:x}", 8080, Own6);
        }

        uint[] slots = [.. Enumerable.Range(0, (int)Slots).Select(i => (uint)(i % Backends) + 1)];
        h.AddService(Address, 80, Tcp, ServiceMode.Dsr, slots);
        h.AddService(Address, 80, Udp, ServiceMode.Dsr, slots);
        h.AddService(Address, 81, Tcp, ServiceMode.DsrL2, slots);
        h.AddService(Address, 82, Tcp, ServiceMode.Snat, slots);
        h.AddService(Address6, 80, Tcp, ServiceMode.Dsr, [.. slots.Select(id => id + Backends)]);
        for (int i = 1; i < services; i++)
        {
            h.AddService($"10.{(i >> 16) & 255}.{(i >> 8) & 255}.{i & 255}", 80, Tcp, ServiceMode.Dsr, [1]);
        }
    }

    private void Add(string name, XdpHarness? h, Frame frame, uint flows, int repeat, string aim = "")
    {
        var driver = new XdpDriver(h?.Program, frame.Seal(), flows);
        _garbage.Add(driver);
        _rows.Add(new Row(name, driver, flows, repeat, aim));
    }

    private sealed record Row(string Name, XdpDriver Driver, uint Flows, int Repeat, string Aim);
}
