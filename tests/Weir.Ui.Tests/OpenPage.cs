// SPDX-License-Identifier: Apache-2.0

using Grpc.Net.Client;
using Microsoft.Playwright;
using Xunit;

namespace Weir.Ui.Tests;

/// <summary>A fake agent, a real server, and a real browser's page of it.</summary>
internal sealed class OpenPage : IAsyncDisposable
{
    private readonly GrpcChannel _channel;
    private readonly UiServer _server;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<string> _complaints = [];
    private readonly List<IBrowserContext> _contexts = [];

    private OpenPage(FakeAgent agent)
    {
        Agent = agent;
        _channel = agent.Open();
        var link = new AgentLink(new Api.Agent.AgentClient(_channel), new Api.Replay.ReplayClient(_channel), e => e.Status.Detail, TimeProvider.System);
        _server = new UiServer(UiAddress.TryRead("127.0.0.1:0", out _)!, link);
    }

    internal FakeAgent Agent { get; }

    internal IPage Page { get; private set; } = null!;

    /// <summary>What the browser complained of: errors of scripts, and what the content security policy kept from happening.</summary>
    internal IReadOnlyList<string> Complaints => _complaints;

    internal string BaseUrl { get; private set; } = "";

    internal static async Task<OpenPage> StartAsync(Browser? browser, Stack stack, BrowserNewContextOptions? options = null, string? script = null)
    {
        FakeAgent agent = await FakeAgent.StartAsync();
        stack.Fill(agent);
        var open = new OpenPage(agent);
        await open._server.StartAsync(open._stop.Token);
        open.BaseUrl = new Uri(open.NewLink()).GetLeftPart(UriPartial.Authority);
        if (browser is not null)
        {
            await open.OpenAsync(browser, options ?? new BrowserNewContextOptions { ViewportSize = new ViewportSize { Width = 1280, Height = 800 } }, script);
        }

        return open;
    }

    internal string NewLink() => _server.NewLink();

    /// <summary>A new browser profile at a new link.</summary>
    internal async Task OpenAsync(Browser browser, BrowserNewContextOptions options, string? script = null)
    {
        IBrowserContext context = await browser.OpenAsync(options);
        context.SetDefaultTimeout(60_000);
        _contexts.Add(context);
        if (script is not null)
        {
            await context.AddInitScriptAsync(script);
        }

        Page = await context.NewPageAsync();
        Page.Console += (_, message) =>
        {
            if (message.Type == "error" && !message.Text.StartsWith("Failed to load resource", StringComparison.Ordinal))
            {
                _complaints.Add(message.Text);
            }
        };
        Page.PageError += (_, error) => _complaints.Add(error);
        await Page.GotoAsync(NewLink());
        await Assertions.Expect(Page.Locator("#status-text")).ToContainTextAsync("0.1.0", new LocatorAssertionsToContainTextOptions { Timeout = 60_000 });
    }

    /// <summary>By the page's own links, as somebody would; a new document keeps the key.</summary>
    internal Task GoAsync(string address) => Page.GotoAsync(BaseUrl + address);

    internal Task<T> RunAsync<T>(string script, object? argument = null) => Page.EvaluateAsync<T>(script, argument);

    internal void AssertQuiet() => Assert.Empty(_complaints);

    public async ValueTask DisposeAsync()
    {
        foreach (IBrowserContext context in _contexts)
        {
            await context.DisposeAsync();
        }

        await _stop.CancelAsync();
        await Agent.DisposeAsync();
        await _server.DisposeAsync();
        _channel.Dispose();
        _stop.Dispose();
    }
}
