// SPDX-License-Identifier: Apache-2.0

namespace Weir.Flows;

/// <summary>What is recorded.</summary>
public enum RecordMode
{
    /// <summary>Nothing.</summary>
    Off,

    /// <summary>Drops and refused requests: what the datapath and the proxy report anyway.</summary>
    Denied,

    /// <summary>And every TCP connection of containers when it ends, where those are measured: which the datapath reports anyway, too.</summary>
    Flows,

    /// <summary>Every new flow and every request as well.</summary>
    All,
}

/// <summary>What is recorded, where, and how much of it is kept.</summary>
public sealed record RecordOptions(string Folder)
{
    public RecordMode Mode { get; init; } = RecordMode.Flows;

    public long MostBytes { get; init; } = 256L * 1024 * 1024;

    public TimeSpan Longest { get; init; } = TimeSpan.FromDays(7);
}
