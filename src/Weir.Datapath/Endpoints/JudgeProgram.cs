// SPDX-License-Identifier: Apache-2.0

using System.Runtime.InteropServices;
using Weir.Bpf;
using Weir.Datapath.Abi;

namespace Weir.Datapath;

/// <summary>The programs that all endpoints' go on in (bpf/judge.bpf.c), but with packets of flows that go on as before.</summary>
internal sealed class JudgeProgram : IDisposable
{
    private const string FromEndpoint = "weir_judge_from_ep";
    private const string ToEndpoint = "weir_judge_to_ep";

    private readonly BpfObject _loaded;
    private readonly BpfMap _calls;

    private JudgeProgram(BpfObject loaded, BpfMap calls) => (_loaded, _calls) = (loaded, calls);

    /// <summary>Loads them; nothing runs yet.</summary>
    internal static JudgeProgram Load(DatapathMaps maps) =>
        new(ProgramLoader.Load(ProgramLoader.ImagesOf(maps).Judge, "weir_judge", maps), maps[MapNames.Calls]);

    /// <summary>Endpoints' programs go on in these, in place of earlier ones. The map keeps them.</summary>
    internal void Attach()
    {
        Attach(Call.FromEndpoint, FromEndpoint);
        Attach(Call.ToEndpoint, ToEndpoint);
    }

    public void Dispose() => _loaded.Dispose();

    private void Attach(Call place, string program) =>
        _calls.Update(MemoryMarshal.AsBytes(new ReadOnlySpan<Call>(in place)), BitConverter.GetBytes(_loaded.Program(program).Fd));
}
