// SPDX-License-Identifier: Apache-2.0
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Weir.Bpf;
using Weir.Datapath;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.DatapathBench;

/// <summary>What the socket hook costs a connection: a UDP socket made, connected and closed, in a cgroup with the hook
/// and in one without, in turn. Runs in scripts/sandbox.sh, whose tree of cgroup2 goes with it.</summary>
internal static class SocketBench
{
    private const int Rounds = 15;
    private const int Sockets = 4_000;
    private const int Frontends = 1_000;
    private static readonly IPEndPoint _server = new(IPAddress.Loopback, 9);
    private static readonly IPEndPoint _frontend = new(IPAddress.Parse("192.0.2.10"), 80);

    internal static void Run()
    {
        string root = CgroupMount.FindRoot()!;
        string plain = Directory.CreateDirectory(root + "/plain").FullName;
        string hooked = Directory.CreateDirectory(root + "/hooked").FullName;
        using Datapath.Datapath datapath = Datapath.Datapath.Open(new DatapathOptions { Cgroup = hooked });
        datapath.AttachSocketHook();
        AddServices();
        (string Name, string Cgroup, LbFlag Flags, IPEndPoint Target)[] rows =
        [
            ("no hook", plain, LbFlag.Services, _server),
            ("hook, no services at all", hooked, 0, _server),
            ($"hook, {Frontends} frontends, address is none of them", hooked, LbFlag.Services, _server),
            ($"hook, {Frontends} frontends, address is one of them", hooked, LbFlag.Services, _frontend),
        ];
        var results = rows.ToDictionary(row => row.Name, _ => new List<double>());
        for (int round = 0; round <= Rounds; round++)
        {
            foreach ((string name, string cgroup, LbFlag flags, IPEndPoint target) in rows)
            {
                File.WriteAllText(cgroup + "/cgroup.procs", "0");
                Open<uint, Settings>(MapNames.Settings).Set(0, new Settings { LbFlags = flags });
                double ns = Measure(target);
                if (round > 0)
                {
                    results[name].Add(ns);
                }
            }
        }

        double without = Median(results[rows[0].Name]);
        Console.WriteLine($"{"",-60} {"ns",7} {"over no hook",13}");
        foreach ((string name, List<double> times) in results)
        {
            Console.WriteLine($"{name,-60} {Median(times),7:F0} {Median(times) - without,13:F0}");
        }
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);

    /// <summary>Nanoseconds of processor time for each socket.</summary>
    private static double Measure(IPEndPoint target)
    {
        TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
        for (int i = 0; i < Sockets; i++)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
            socket.Connect(target);
        }

        return (Process.GetCurrentProcess().TotalProcessorTime - before).TotalNanoseconds / Sockets;
    }

    private static void AddServices()
    {
        Open<uint, BackendEntry>(MapNames.Backend).Set(1, new BackendEntry { Addr = IpAddr.From(_server.Address), Port = (ushort)_server.Port, Flags = BackendFlag.Present });
        BpfMap<uint, ServiceSlot> slots = Open<uint, ServiceSlot>(MapNames.Slot);
        for (uint i = 0; i < 256; i++)
        {
            slots.Set(i, new ServiceSlot { Backend = 1 });
        }

        BpfMap<ServiceKey, ServiceEntry> services = Open<ServiceKey, ServiceEntry>(MapNames.Service);
        for (uint i = 0; i < Frontends; i++)
        {
            services.Set(
                new ServiceKey { Addr = IpAddr.From(_frontend.Address), Port = (ushort)(_frontend.Port + i), Protocol = 17 },
                new ServiceEntry { SlotMask = 255, FrontendId = i + 1 });
        }
    }

    private static BpfMap<TKey, TValue> Open<TKey, TValue>(string name)
        where TKey : unmanaged
        where TValue : unmanaged => new(BpfMap.OpenPinned(Path.Combine(DatapathOptions.DefaultPinRoot, name))!);
}
