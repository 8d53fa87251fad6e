// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using System.Text;
using Grpc.Core;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Weir.Cli;
using Weir.Linux;

namespace Weir.Ui;

/// <summary>Serves the page's files and answers its questions. There is no question by which anything is changed.</summary>
internal sealed class UiServer : IAsyncDisposable
{
    private const int MostBody = 1024 * 1024;
    private const int MostConnections = 64;
    private const string Api = "/api/";

    private readonly UiAddress _address;
    private readonly Keys _keys = new();
    private readonly Door _door;
    private readonly WebApplication _app;
    private readonly Dictionary<string, Func<HttpContext, Task>> _questions;
    private string? _socket; // once it is ours

    internal UiServer(UiAddress address, AgentLink link)
    {
        _address = address;
        _door = new Door(_keys);
        var questions = new Questions(link);
        _questions = new Dictionary<string, Func<HttpContext, Task>>(StringComparer.Ordinal)
        {
            ["status"] = questions.StatusAsync,
            ["endpoints"] = questions.EndpointsAsync,
            ["endpoint"] = questions.EndpointAsync,
            ["policies"] = questions.PoliciesAsync,
            ["rules"] = questions.RulesAsync,
            ["explain"] = questions.ExplainAsync,
            ["flows"] = questions.FlowsAsync,
            ["draft"] = new DraftQuestion(link).AnswerAsync,
            ["suggest"] = new SuggestQuestion(link).AnswerAsync,
            ["monitor"] = async context =>
            {
                using var stream = new FlowStream(link, context);
                await stream.RunAsync();
            },
            ["map"] = context => new MapStream(link, context).RunAsync(),
        };
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = "/" });
        builder.WebHost.UseKestrelCore();
        builder.WebHost.ConfigureKestrel(Listen);
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(1));
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    /// <summary>What else it takes to get there; null: nothing.</summary>
    internal string? HowToReach => _address.SocketPath is { } path ? $"where 8765 is what leads there: ssh -L 8765:{path} HOST" : null;

    /// <summary>Good for one browser, once.</summary>
    internal string NewLink() => $"{BaseUrl}/#token={_keys.NewToken()}";

    private string BaseUrl => _address.EndPoint is null
        ? "http://127.0.0.1:8765"
        : _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    internal async Task StartAsync(CancellationToken cancel)
    {
        if (_address.SocketPath is not { } path)
        {
            await _app.StartAsync(cancel);
            return;
        }

        RemoveStale(path);
        using (CreationMask.OwnerOnly())
        {
            await _app.StartAsync(cancel);
        }

        _socket = path;
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    /// <summary>Until cancelled.</summary>
    internal async Task RunAsync(CancellationToken cancel)
    {
        await Task.Delay(Timeout.Infinite, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
        await _app.StopAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        if (_socket is not null)
        {
            File.Delete(_socket);
        }
    }

    /// <summary>What a server before left and nobody answers by.</summary>
    private static void RemoveStale(string path)
    {
        if (!File.Exists(path))
        {
            return;
        }

        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(path));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused && new FileInfo(path).Length == 0)
        {
            File.Delete(path);
            return;
        }
        catch (SocketException)
        {
            // Whatever it is, it is not ours to remove.
        }

        throw new IOException("there is a file of this name, or somebody serves there");
    }

    private void Listen(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxConcurrentConnections = MostConnections;
        kestrel.Limits.MaxRequestBodySize = MostBody;
        kestrel.Limits.MinResponseDataRate = null; // a browser that sleeps reads nothing, and loses nothing but flows
        if (_address.EndPoint is { } endPoint)
        {
            kestrel.Listen(endPoint, listen => listen.Protocols = HttpProtocols.Http1);
        }
        else
        {
            kestrel.ListenUnixSocket(_address.SocketPath!, listen => listen.Protocols = HttpProtocols.Http1);
        }
    }

    private async Task AnswerAsync(HttpContext context)
    {
        Door.Describe(context.Response);
        try
        {
            if (Door.Refuse(context.Request) is { } refused)
            {
                await SayAsync(context, refused.Status, refused.Text);
            }
            else if (context.Request.Path == "/session")
            {
                await OpenSessionAsync(context);
            }
            else if (context.Request.Path.Value is { } path && path.StartsWith(Api, StringComparison.Ordinal))
            {
                await AskAsync(context, path[Api.Length..]);
            }
            else if (!await PageFiles.TryAnswerAsync(context))
            {
                await SayAsync(context, StatusCodes.Status404NotFound, "there is no such file of the page");
            }
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The browser has gone.
        }
        catch (Exception e)
        {
            await Console.Error.WriteLineAsync($"weir: an answer to the page failed, which is a mistake of Weir's: {e}");
            throw;
        }
    }

    private async Task AskAsync(HttpContext context, string question)
    {
        if (!_door.Knows(context.Request))
        {
            await SayAsync(context, StatusCodes.Status401Unauthorized, "this link has been used, or 'weir ui' was started anew: open the link that it prints");
        }
        else if (!_questions.TryGetValue(question, out Func<HttpContext, Task>? answer))
        {
            await SayAsync(context, StatusCodes.Status404NotFound, "there is no such question");
        }
        else
        {
            await answer(context);
        }
    }

    private async Task OpenSessionAsync(HttpContext context)
    {
        if (context.Request.Method != "POST")
        {
            await SayAsync(context, StatusCodes.Status405MethodNotAllowed, "only POST");
            return;
        }

        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        char[] token = new char[100];
        int length = await reader.ReadBlockAsync(token, context.RequestAborted);
        if (_keys.Exchange(new string(token, 0, length)) is { } key)
        {
            await Answers.WriteAsync(context, JsonText.Write(json => json.WriteStringValue(key), indented: false));
        }
        else
        {
            await SayAsync(context, StatusCodes.Status403Forbidden, "this link has been used: open the link that 'weir ui' prints");
        }
    }

    private static Task SayAsync(HttpContext context, int status, string text) => Answers.RefuseAsync(context, status, text);
}
