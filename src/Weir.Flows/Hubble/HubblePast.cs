// SPDX-License-Identifier: Apache-2.0

using Weir.Api;
using Weir.Api.Hubble;
using Flow = Weir.Api.Hubble.Flow;

namespace Weir.Flows.Hubble;

/// <summary>Which flows of the past answer a question of Hubble's: those in memory, and of a time before these the record's.</summary>
/// <param name="recorded">What is on record of a time, oldest first.</param>
public sealed class HubblePast(HubbleWriter writer, Func<DateTimeOffset, DateTimeOffset, IEnumerable<RecordedFlow>> recorded)
{
    /// <param name="memory">What is in memory, oldest first.</param>
    /// <param name="now">From when on there is nothing in memory yet.</param>
    /// <returns>Read while they are asked for; the record is read twice for the last so many of it, and never held.</returns>
    public IEnumerable<Flow> Select(GetFlowsRequest request, HubbleFilter filter, IReadOnlyList<FlowRecord> memory, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(filter);
        ArgumentNullException.ThrowIfNull(memory);
        if (request is { Follow: true, Number: 0, Since: null })
        {
            return [];
        }

        DateTimeOffset since = request.Since?.ToDateTimeOffset() ?? DateTimeOffset.MinValue;
        DateTimeOffset until = request.Until?.ToDateTimeOffset() ?? DateTimeOffset.MaxValue;
        (Api.FlowType Type, Flow Flow)[] held = [.. memory.Select(record => (record.Type, writer.Write(in record)))];
        DateTimeOffset begin = held.Length == 0 ? now : held.Min(one => one.Flow.Time.ToDateTimeOffset());
        Flow[] fresh = [.. held.Where(one => filter.Types.Contains(one.Type)).Select(one => one.Flow).Where(flow => IsIn(flow) && filter.Matches(flow))];
        bool isEarlier = since < begin && (request.Since is not null || until < begin);
        IEnumerable<Flow> older = isEarlier ? Older() : [];
        if (request.Number == 0)
        {
            return older.Concat(fresh);
        }

        int number = (int)Math.Min(request.Number, int.MaxValue);
        if (request.First)
        {
            return older.Concat(fresh).Take(number);
        }

        int wanted = number - Math.Min(number, fresh.Length);
        return wanted == 0 || !isEarlier ? fresh.TakeLast(number) : older.Skip(Math.Max(0, older.Count() - wanted)).Concat(fresh);

        bool IsIn(Flow flow) => flow.Time.ToDateTimeOffset() is var time && time >= since && time <= until;

        IEnumerable<Flow> Older()
        {
            DateTimeOffset end = until < begin ? until : begin.AddTicks(-1);
            return recorded(since, end)
                .Where(flow => filter.Types.Contains(flow.Flow.Type))
                .Select(writer.Write)
                .Where(flow => IsIn(flow) && flow.Time.ToDateTimeOffset() < begin && filter.Matches(flow));
        }
    }
}
