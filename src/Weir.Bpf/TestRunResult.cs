// SPDX-License-Identifier: Apache-2.0

namespace Weir.Bpf;

/// <summary>What a program did with a packet.</summary>
/// <param name="ReturnValue">A TC_ACT_* or XDP action.</param>
/// <param name="DurationNs">Mean of one run, nanoseconds.</param>
/// <param name="OutputLength">Bytes of the packet afterwards.</param>
public readonly record struct TestRunResult(uint ReturnValue, uint DurationNs, int OutputLength);
