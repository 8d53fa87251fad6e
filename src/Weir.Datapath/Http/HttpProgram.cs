// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>The programs that judge requests on their way (bpf/http.bpf.c): one that endpoints' programs go on in, and two that are run by
/// whoever asks.</summary>
internal sealed class HttpProgram : IDisposable
{
    private const string Pass = "weir_http_pass";
    private const string Taken = "weir_http_taken";
    private const string Sweeper = "weir_http_sweep";

    private readonly BpfObject _loaded;
    private readonly BpfMap _calls;
    private readonly BpfMap _flows;
    private string? _pin;

    private HttpProgram(BpfObject loaded, BpfMap calls, BpfMap flows) => (_loaded, _calls, _flows) = (loaded, calls, flows);

    /// <summary>Where the program is pinned that the proxy runs.</summary>
    internal static string PinOf(string pinRoot) => Path.Combine(pinRoot, Taken);

    /// <summary>Loads them; nothing runs yet.</summary>
    internal static HttpProgram Load(DatapathMaps maps) =>
        new(ProgramLoader.Load(ProgramLoader.ImagesOf(maps).Http, "weir_http", maps), maps[MapNames.Calls], maps[MapNames.HttpFlow]);

    /// <summary>Endpoints' programs go on in this one, in place of an earlier one.</summary>
    internal void Attach(string pinRoot)
    {
        _pin = PinOf(pinRoot);
        PinAgain();
        _calls.Update(BitConverter.GetBytes((uint)Call.Http), BitConverter.GetBytes(_loaded.Program(Pass).Fd));
    }

    /// <summary>The pin, if somebody removed it: the proxy cannot take over.</summary>
    internal IEnumerable<string> Unpinned() => _pin is null || File.Exists(_pin) ? [] : [_pin];

    internal void PinAgain()
    {
        if (_pin is not null)
        {
            PinnedProgram.Pin(_loaded.Program(Taken), _pin);
        }
    }

    /// <summary>Forgets what is known of flows that are gone.</summary>
    internal void Sweep(BpfMap conntrack)
    {
        List<CtKey> gone = [];
        byte[] entry = new byte[conntrack.UserValueSize];
        _flows.ForEachBatch((keys, _, count) =>
        {
            foreach (CtKey key in MemoryMarshal.Cast<byte, CtKey>(keys)[..count])
            {
                if (!conntrack.TryLookup(MemoryMarshal.AsBytes(new ReadOnlySpan<CtKey>(in key)), entry))
                {
                    gone.Add(key);
                }
            }
        });
        BpfProgram sweeper = _loaded.Program(Sweeper);
        foreach (CtKey key in gone)
        {
            sweeper.Run(MemoryMarshal.AsBytes(new ReadOnlySpan<CtKey>(in key)));
        }
    }

    /// <summary>Whether there are flows whose requests are judged on their way.</summary>
    internal static bool HasFlows(DatapathMaps maps)
    {
        bool any = false;
        maps[MapNames.HttpFlow].ForEachBatch((_, _, count) => any |= count > 0);
        return any;
    }

    public void Dispose() => _loaded.Dispose();
}
