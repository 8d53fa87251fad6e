// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Bpf.Btf;
using Weir.Datapath.Abi;
using Weir.Linux;

namespace Weir.Datapath;

/// <summary>The programs that measure containers' TCP connections (bpf/measure.bpf.c).</summary>
internal sealed class MeasureProgram : IDisposable
{
    private const string Name = "weir_measure";
    private const string Reader = "weir_measured";
    private const string Map = "weir_tcp";

    private readonly BpfIterator _reader;
    private readonly BpfMap _map;
    private readonly string _mapPin;

    private MeasureProgram(BpfIterator reader, BpfMap map, string mapPin)
    {
        _reader = reader;
        _map = map;
        _mapPin = mapPin;
    }

    internal static string PinOf(string pinRoot) => Path.Combine(pinRoot, Name);

    internal static IEnumerable<string> Pins(string pinRoot) => [PinOf(pinRoot), MapPin(pinRoot)];

    /// <summary>Attaches them to the cgroup, in place of older ones, and goes on measuring the connections that those measured.
    /// The calling thread's namespace is the host's.</summary>
    internal static MeasureProgram Attach(DatapathMaps maps, DatapathOptions options)
    {
        using BpfObject program = Open(maps);
        using BpfMap? known = Known(program, maps.Images.Measure, options.PinRoot);
        ProgramLoader.Prepare(program, maps);
        if (known is not null)
        {
            program.ReuseMap(Map, known);
        }

        program.Load();
        BpfMap map = program.Map(Map);
        BpfIterator? reader = null;
        try
        {
            if (known is null)
            {
                map.Pin(MapPin(options.PinRoot));
            }

            reader = new BpfIterator(program.Program(Reader));
            using FileDescriptor cgroup = options.Cgroup is { } folder
                ? FileDescriptor.OpenRead(folder)
                : CgroupMount.OpenRoot(options.CgroupMountFolder);
            BpfLink.AttachCgroup(program.Program(Name), cgroup, CgroupHook.SocketOperations, PinOf(options.PinRoot));
            return new MeasureProgram(reader, map, MapPin(options.PinRoot));
        }
        catch
        {
            reader?.Dispose();
            map.Dispose();
            throw;
        }
    }

    /// <summary>Nothing is measured any more. False: nothing was.</summary>
    internal static bool Detach(string pinRoot)
    {
        bool wasThere = BpfLink.Detach(PinOf(pinRoot));
        File.Delete(MapPin(pinRoot));
        return wasThere;
    }

    /// <summary>Loads them with maps of their own, to be tried.</summary>
    internal static void Try()
    {
        using BpfObject program = Open(null);
        program.Load();
    }

    /// <summary>Connections that live now. One that nobody has accepted or that is closed already, and waits for its last answers,
    /// is none.</summary>
    internal TcpEvent[] Read() => [.. MemoryMarshal.Cast<byte, TcpEvent>(_reader.Read()).ToArray().DistinctBy(connection => connection.Cookie)];

    /// <summary>The pin of its map, if somebody removed it.</summary>
    internal IEnumerable<string> Unpinned() => File.Exists(_mapPin) ? [] : [_mapPin];

    internal void PinAgain()
    {
        if (!File.Exists(_mapPin))
        {
            _map.Pin(_mapPin);
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _map.Dispose();
    }

    private static string MapPin(string pinRoot) => Path.Combine(pinRoot, Map);

    private static BpfObject Open(DatapathMaps? maps)
    {
        BpfObject program = BpfObject.Open(ProgramLoader.ImagesOf(maps).Measure, "weir_measure");
        var config = new SocketConfig { HostNetnsCookie = NetworkNamespace.CurrentCookie() };
        program.SetRodata(MemoryMarshal.AsBytes(new ReadOnlySpan<SocketConfig>(in config)), "socket_config");
        return program;
    }

    /// <summary>The map of an earlier agent. What another version made has another shape; its connections are let go.</summary>
    private static BpfMap? Known(BpfObject program, ReadOnlySpan<byte> image, string pinRoot)
    {
        BpfMap? known = BpfMap.OpenPinned(MapPin(pinRoot));
        BpfMapSpec wanted = program.DeclaredMaps().Single(map => map.Name == Map);
        if (known is not null && (wanted.DifferencesFrom(known.Spec).Count > 0
            || !TypeLayout.Of(LoadedTypes.Read(known.TypesId), known.Spec.Types.Value).Equals(TypeLayout.Of(BtfReader.FromElf(image), wanted.Types.Value))))
        {
            known.Dispose();
            File.Delete(MapPin(pinRoot));
            return null;
        }

        return known;
    }
}
