// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Datapath;

/// <summary>The programs that give this host's sockets backends in the place of frontends (bpf/sock.bpf.c).</summary>
internal static class SocketHook
{
    private const string ConfigVariable = "socket_config";

    // First those that give addresses back: no socket gets a backend that could not ask for its frontend.
    private static readonly (string Program, CgroupHook Hook)[] _programs =
    [
        ("weir_getpeer4", CgroupHook.GetPeerName4),
        ("weir_getpeer6", CgroupHook.GetPeerName6),
        ("weir_recvmsg4", CgroupHook.Recvmsg4),
        ("weir_recvmsg6", CgroupHook.Recvmsg6),
        ("weir_sendmsg4", CgroupHook.Sendmsg4),
        ("weir_sendmsg6", CgroupHook.Sendmsg6),
        ("weir_connect4", CgroupHook.Connect4),
        ("weir_connect6", CgroupHook.Connect6),
    ];

    /// <summary>Attaches them to the cgroup, in place of older ones.</summary>
    /// <returns>What was done with each.</returns>
    internal static SocketHookResult Attach(DatapathMaps maps, DatapathOptions options)
    {
        using FileDescriptor cgroup = options.Cgroup is { } folder
            ? FileDescriptor.OpenRead(folder)
            : CgroupMount.OpenRoot(options.CgroupMountFolder);
        using BpfObject program = Load(maps);
        maps.CatchUp();
        List<string> created = [];
        try
        {
            foreach ((string name, CgroupHook hook) in _programs)
            {
                string pin = PinOf(options.PinRoot, name);
                if (!BpfLink.AttachCgroup(program.Program(name), cgroup, hook, pin))
                {
                    created.Add(pin);
                }
            }
        }
        catch
        {
            // Half of them would be worse than none.
            created.ForEach(pin => BpfLink.Detach(pin));
            throw;
        }

        return new SocketHookResult(created.Count, _programs.Length - created.Count);
    }

    /// <summary>Detaches them; sockets keep the backends that they have. False: none was attached.</summary>
    internal static bool Detach(string pinRoot)
    {
        // Those that translate go first.
        int found = _programs.AsEnumerable().Reverse().Count(p => BpfLink.Detach(PinOf(pinRoot, p.Program)));
        return found > 0;
    }

    /// <summary>Loads the programs; the calling thread's namespace is the host's.</summary>
    internal static BpfObject Load(DatapathMaps? maps) => ProgramLoader.Load(
        ProgramLoader.ImagesOf(maps).Socket, "weir_sock", maps, ConfigVariable, new SocketConfig { HostNetnsCookie = NetworkNamespace.CurrentCookie() });

    internal static IEnumerable<string> Pins(string pinRoot) => _programs.Select(one => PinOf(pinRoot, one.Program));

    private static string PinOf(string pinRoot, string program) => Path.Combine(pinRoot, program);
}
