// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using Grpc.Core;
using Weir.Api;
using Weir.Cli;

namespace Weir.Ui;

/// <summary>Live flows for one open page, no more of them than somebody can look at.</summary>
internal sealed class FlowStream(AgentLink link, HttpContext context) : IDisposable
{
    private const int MostPast = 500;
    private const int MostASecond = 100;

    private static readonly TimeSpan _beat = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim _writing = new(1);
    private long _second;
    private int _allowed;
    private int _denied;
    private long _skipped;

    public void Dispose() => _writing.Dispose();

    internal async Task RunAsync()
    {
        MonitorRequest request;
        try
        {
            request = FlowQuery.Filter(context.Request.Query);
            request.Last = int.TryParse(context.Request.Query["last"], NumberStyles.None, CultureInfo.InvariantCulture, out int last) ? Math.Min(last, MostPast) : 0;
        }
        catch (RpcException e)
        {
            await Answers.RefuseAsync(context, StatusCodes.Status400BadRequest, e.Status.Detail);
            return;
        }

        await Answers.BeginLinesAsync(context);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        Task beat = BeatAsync(end.Token);
        try
        {
            int past = request.Last;
            await link.FollowAsync(request, (e, isLast) => past-- > 0 ? WriteAsync(e, isLast) : PassAsync(e, isLast), text => SayAsync(text), end.Token);
        }
        catch (RpcException e)
        {
            await WriteAsync(Text("problem", e.Status.Detail), true); // a filter that the agent does not take
        }
        finally
        {
            await end.CancelAsync();
            await beat.ContinueWith(_ => { }, TaskScheduler.Default);
        }
    }

    private ValueTask SayAsync(string? away) => WriteAsync(away is null ? """{"here":true}""" : Text("away", away), true);

    /// <summary>What is more than somebody can look at is counted.</summary>
    private ValueTask PassAsync(MonitorEvent e, bool isLast)
    {
        long second = link.Clock.GetTimestamp() / link.Clock.TimestampFrequency;
        if (second != _second)
        {
            (_second, _allowed, _denied) = (second, 0, 0);
        }

        // What is denied is not lost among what is allowed.
        if (e.Flow is { } flow && (flow.Type == FlowType.Drop || flow.Verdict == "denied" ? ++_denied : ++_allowed) > MostASecond)
        {
            Interlocked.Increment(ref _skipped);
            return ValueTask.CompletedTask;
        }

        return WriteAsync(e, isLast);
    }

    private ValueTask WriteAsync(MonitorEvent e, bool isLast) => e.EventCase switch
    {
        MonitorEvent.EventOneofCase.Flow => WriteAsync($$"""{"flow":{{ProtoJson.Write(e.Flow, indented: false)}},"raw":"{{SuggestQuestion.Keep(e.Flow)}}"}""", !isLast),
        MonitorEvent.EventOneofCase.Lost => WriteAsync($$"""{"lost":{{e.Lost.Count}}}""", true),
        MonitorEvent.EventOneofCase.Note => WriteAsync(Text("note", e.Note.Text), true),
        _ => ValueTask.CompletedTask,
    };

    private async ValueTask WriteAsync(string line, bool flush)
    {
        await _writing.WaitAsync(context.RequestAborted);
        try
        {
            await Answers.WriteLineAsync(context, line, flush);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>By which the page knows that the server is there.</summary>
    private async Task BeatAsync(CancellationToken cancel)
    {
        using var timer = new PeriodicTimer(_beat, link.Clock);
        while (await timer.WaitForNextTickAsync(cancel))
        {
            await WriteAsync($$"""{"skipped":{{Interlocked.Exchange(ref _skipped, 0)}}}""", true);
        }
    }

    private static string Text(string name, string text) => JsonText.Write(json =>
    {
        json.WriteStartObject();
        json.WriteString(name, text);
        json.WriteEndObject();
    }, indented: false);
}
