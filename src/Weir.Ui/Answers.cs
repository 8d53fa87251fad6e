// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Grpc.Core;
using Weir.Cli;

namespace Weir.Ui;

/// <summary>Answers to the page: JSON, whole or a line at a time.</summary>
internal static class Answers
{
    internal static async Task WriteAsync(HttpContext context, string json)
    {
        context.Response.ContentType = "application/json";
        await context.Response.BodyWriter.WriteAsync(Encoding.UTF8.GetBytes(json), context.RequestAborted);
    }

    internal static Task RefuseAsync(HttpContext context, int status, string text)
    {
        context.Response.StatusCode = status;
        return WriteAsync(context, JsonText.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("error", text);
            json.WriteEndObject();
        }, indented: false));
    }

    /// <returns>Null: it was no POST, which is said.</returns>
    internal static async Task<string?> ReadPostAsync(HttpContext context)
    {
        if (context.Request.Method != "POST")
        {
            await RefuseAsync(context, StatusCodes.Status405MethodNotAllowed, "only POST");
            return null;
        }

        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        return await reader.ReadToEndAsync(context.RequestAborted);
    }

    /// <summary>Asks, and says why there is no answer where there is none.</summary>
    internal static async Task AskAsync(HttpContext context, AgentLink link, Func<Task<string>> ask)
    {
        string answer;
        try
        {
            answer = await ask();
        }
        catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled && context.RequestAborted.IsCancellationRequested)
        {
            return;
        }
        catch (RpcException e)
        {
            await RefuseAsync(context, StatusOf(e.StatusCode), link.Describe(e));
            return;
        }

        await WriteAsync(context, answer);
    }

    /// <summary>Begins an answer of lines, each a JSON object.</summary>
    internal static async Task BeginLinesAsync(HttpContext context)
    {
        context.Response.ContentType = "application/x-ndjson";
        await context.Response.StartAsync(context.RequestAborted);
    }

    /// <summary>Waits while the browser does not read: what waits is in the agent, which bounds and counts it.</summary>
    internal static async ValueTask WriteLineAsync(HttpContext context, string json, bool flush)
    {
        System.IO.Pipelines.PipeWriter body = context.Response.BodyWriter;
        int most = Encoding.UTF8.GetMaxByteCount(json.Length + 1);
        Span<byte> room = body.GetSpan(most);
        int length = Encoding.UTF8.GetBytes(json, room);
        room[length] = (byte)'\n';
        body.Advance(length + 1);
        if (flush || body.UnflushedBytes > 64 * 1024)
        {
            await body.FlushAsync(context.RequestAborted);
        }
    }

    private static int StatusOf(StatusCode code) => code switch
    {
        StatusCode.InvalidArgument => StatusCodes.Status400BadRequest,
        StatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        StatusCode.NotFound => StatusCodes.Status404NotFound,
        StatusCode.FailedPrecondition => StatusCodes.Status409Conflict,
        StatusCode.Unimplemented => StatusCodes.Status501NotImplemented,
        _ => StatusCodes.Status502BadGateway,
    };
}
