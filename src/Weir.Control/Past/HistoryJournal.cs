// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Flows;

namespace Weir.Control.Past;

/// <summary>Changes in files each of which begins with all that was there, so that the oldest can go. Beside the record of flows, as
/// long as that, and of an eighth of its size.</summary>
internal sealed class HistoryJournal(RecordOptions options, TimeProvider time)
    : BlockJournal<HistoryBlock>(options with { MostBytes = options.MostBytes / 8 }, ".history", "weirhis1", HistoryBlock.Parser, time)
{
    private const int Wholes = 4; // a file has room for so many of all there is

    private readonly long _least = Math.Clamp(options.MostBytes / 128, 64 * 1024, 2 * 1024 * 1024);
    private long _whole;

    protected override long MostOfFile => long.MaxValue; // it is ended here

    /// <summary>Keeps a change; where it begins a file, all there is.</summary>
    /// <exception cref="IOException">It is not kept: the next is all there is.</exception>
    internal void Append(HistoryBlock change, Func<HistoryBlock> all, DateTimeOffset now)
    {
        if (!BeginsFile(Math.Max(_least, _whole * Wholes), now))
        {
            Append(change, now, now);
            return;
        }

        EndFile();
        Append(all(), now, now);
        _whole = LengthOfFile;
    }
}
