// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;

namespace Weir.DatapathBench;

/// <summary>Runs an XDP program again and again, each time on a fresh frame of the next flow.</summary>
internal sealed class XdpDriver : IDisposable
{
    private const int Rewritten = 96;
    private static readonly byte[] _image = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "xdp_driver.bpf.o"));

    private readonly BpfObject _object;
    private readonly BpfMap _target;
    private readonly byte[] _frame;

    /// <param name="program">The program under measurement; null: an empty one.</param>
    /// <param name="frame">An untagged frame of at least 96 bytes; its source is overwritten.</param>
    /// <param name="flows">How many flows to walk through.</param>
    public XdpDriver(BpfProgram? program, byte[] frame, uint flows)
    {
        _frame = frame;
        bool v6 = frame[12] == 0x86;
        _object = BpfObject.Open(_image, "xdp_driver");
        _object.SetRodata(BitConverter.GetBytes(flows), "flows");
        _object.SetRodata(BitConverter.GetBytes(frame.Length), "frame_length");
        _object.SetRodata(BitConverter.GetBytes(v6 ? 54u : 34u), "port_at");
        _object.SetRodata(BitConverter.GetBytes(v6 ? 36u : 28u), "address_at");
        _object.SetRodata(frame.AsSpan(0, Rewritten), "frame");
        _target = BpfMap.Create(_object.DeclaredMaps().Single(m => m.Name == "target"));
        _object.ReuseMap("target", _target);
        _object.Load();
        _target.Update(new byte[4], BitConverter.GetBytes((program ?? _object.Program("weir_empty")).Fd));
    }

    /// <summary>The last run's action and the mean nanoseconds of one.</summary>
    public (uint Action, double Nanoseconds) Run(int repeat)
    {
        TestRunResult result = _object.Program("weir_drive").TestRun(_frame, repeat: repeat);
        return (result.ReturnValue, result.DurationNs);
    }

    public void Dispose()
    {
        _object.Dispose();
        _target.Dispose();
    }
}
