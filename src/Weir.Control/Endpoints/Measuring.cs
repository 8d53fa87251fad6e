// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;
using Weir.Control.Watch;
using Weir.Net;

namespace Weir.Control.Endpoints;

/// <summary>Whether containers' TCP connections are measured (bpf/measure.bpf.c).</summary>
internal sealed class Measuring(Datapath.Datapath datapath, bool isOn, ILogger log)
{
    /// <summary>Why they are not, though it is wished; null: as is wished.</summary>
    internal string? Problem { get; private set; }

    /// <summary>Makes it as is wished, whatever an earlier agent was told. Nothing else waits for it to succeed.</summary>
    internal void Begin()
    {
        try
        {
            datapath.SetMeasuring(isOn);
            Problem = null;
        }
        catch (WeirException e)
        {
            Problem = $"TCP connections are not measured: {e.Message}; 'measure: off' keeps it from being tried";
            Log.Failed(log, "attaching the program that measures", e.Message);
        }
    }

    internal IEnumerable<Expectation> Expect() => !isOn || Problem is not null ? [] :
        [new Expectation("program", "the program that measures TCP connections, at the root of cgroup2", _ => datapath.IsMeasuring, () => datapath.SetMeasuring(true))];
}
