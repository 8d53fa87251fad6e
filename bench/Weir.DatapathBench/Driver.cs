// SPDX-License-Identifier: Apache-2.0
using Weir.Bpf;

namespace Weir.DatapathBench;

/// <summary>Runs one program again and again, each time on the next flow.</summary>
internal sealed class Driver : IDisposable
{
    /// <summary>The first flow's source port: FIRST_PORT of driver.bpf.c.</summary>
    public const ushort FirstPort = 1024;

    private static readonly byte[] _image = File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "driver.bpf.o"));

    private readonly BpfObject _object;
    private readonly BpfMap _target;
    private readonly byte[] _frame;

    /// <param name="program">The program under measurement; null: an empty one.</param>
    /// <param name="frame">An IPv4 frame; its source port is overwritten.</param>
    /// <param name="flows">How many flows to walk through, 1 to 60 000.</param>
    /// <param name="tunnelFrom">Not 0: the packets came through the overlay, from that node.</param>
    /// <param name="tunnelId">With that identity.</param>
    public Driver(BpfProgram? program, byte[] frame, uint flows, uint tunnelFrom = 0, uint tunnelId = 0)
    {
        _frame = frame;
        _object = BpfObject.Open(_image, "driver");
        _object.SetRodata(BitConverter.GetBytes(flows), "flows");
        _object.SetRodata(BitConverter.GetBytes(tunnelFrom), "tunnel_from");
        _object.SetRodata(BitConverter.GetBytes(tunnelId), "tunnel_id");
        _target = BpfMap.Create(_object.DeclaredMaps().Single(m => m.Name == "target"));
        _object.ReuseMap("target", _target);
        _object.Load();
        _target.Update(new byte[4], BitConverter.GetBytes((program ?? _object.Program("weir_empty")).Fd));
    }

    /// <summary>Mean nanoseconds of one run.</summary>
    public double Run(int repeat) => _object.Program("weir_drive").TestRun(_frame, repeat: repeat).DurationNs;

    public void Dispose()
    {
        _object.Dispose();
        _target.Dispose();
    }
}
