// SPDX-License-Identifier: Apache-2.0

using Microsoft.Playwright;
using Weir.Api;
using Xunit;

namespace Weir.Ui.Tests;

/// <summary>The pictures of docs/images: WEIR_SCREENSHOTS=docs/images dotnet test --filter Screenshots.</summary>
[Collection(BrowserTests.Name)]
public sealed class Screenshots(Browser browser)
{
    private static readonly string? _folder = Environment.GetEnvironmentVariable("WEIR_SCREENSHOTS");

    [BrowserFact]
    public async Task Take()
    {
        if (_folder is null)
        {
            return;
        }

        Directory.CreateDirectory(_folder);
        Stack stack = Stack.Shops();
        await using OpenPage open = await OpenPage.StartAsync(browser, stack, Options(1280, 720, ColorScheme.Light));
        Policies(open.Agent);
        using var stop = new CancellationTokenSource();
        Task traffic = FlowAsync(open.Agent, stack, stop.Token);
        await Task.Delay(9000);
        await TakeAsync(open, "ui-map");
        foreach ((string address, string name) in new[] { ("/flows", "ui-flows"), ("/container?name=shop-db-1&from=blog-ghost-1&to=shop-db-1&port=5432/tcp", "ui-container"), ("/draft", "ui-draft") })
        {
            await open.GoAsync(address);
            await Task.Delay(4000);
            if (name == "ui-flows")
            {
                await open.Page.EvaluateAsync("() => document.querySelector('tr.denied button.more')?.click()");
            }
            else if (name == "ui-draft")
            {
                await open.Page.FillAsync("#draft-text", "- endpointSelector: {matchLabels: {com.docker.compose.service: db}}\n  ingress:\n    - fromEndpoints: [{matchLabels: {com.docker.compose.service: orders}}]\n      toPorts: [{ports: [{port: \"5432\", protocol: TCP}]}]\n");
                await open.Page.ClickAsync("text=Try it");
                await Task.Delay(1000);
            }

            await TakeAsync(open, name);
        }

        await open.OpenAsync(browser, Options(1280, 720, ColorScheme.Dark));
        await Task.Delay(7000);
        await TakeAsync(open, "ui-map-dark");
        await open.GoAsync("/flows");
        await Task.Delay(3000);
        await TakeAsync(open, "ui-flows-dark");
        await open.OpenAsync(browser, Options(390, 780, ColorScheme.Light));
        await open.GoAsync("/flows");
        await Task.Delay(3000);
        await TakeAsync(open, "ui-phone");

        await stop.CancelAsync();
        await traffic;
        open.AssertQuiet();
    }

    internal static async Task FlowAsync(FakeAgent agent, Stack stack, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            agent.Tell(stack.Next(0.25));
            await Task.Delay(250, CancellationToken.None);
        }
    }

    private static BrowserNewContextOptions Options(int width, int height, ColorScheme scheme) =>
        new() { ViewportSize = new ViewportSize { Width = width, Height = height }, ColorScheme = scheme, TimezoneId = "UTC" };

    /// <summary>Text compresses badly: of a table half is enough.</summary>
    private static async Task TakeAsync(OpenPage open, string name)
    {
        PageViewportSizeResult size = open.Page.ViewportSize!;
        var options = new PageScreenshotOptions { Path = Path.Combine(_folder!, name + ".png") };
        if (name.StartsWith("ui-flows", StringComparison.Ordinal))
        {
            options.Clip = new Clip { Width = size.Width, Height = 470 };
        }

        await open.Page.ScreenshotAsync(options);
    }

    private static void Policies(FakeAgent agent)
    {
        var shop = new Api.Policy { Name = "shop", Kind = "policy", File = "/etc/weir/policies/shop.yaml", Line = 1, AppliedBy = "root", AppliedAt = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTime(DateTime.UtcNow.AddHours(-30)), Text = "- name: web-to-api\n  endpointSelector:\n    matchLabels: {com.docker.compose.service: api}\n  ingress:\n    - fromEndpoints: [{matchLabels: {com.docker.compose.service: web}}]\n" };
        (string Name, int Line, string Text, string[] About)[] rules =
        [
            ("web-to-api", 4, "from com.docker.compose.service=web to 8080/tcp", ["shop-api-1", "shop-api-2", "shop-api-3"]),
            ("api-readers", 18, "from app=cron to 8080/tcp: GET /orders/[0-9]+", ["shop-api-1", "shop-api-2", "shop-api-3"]),
            ("db-clients", 31, "from com.docker.compose.service=orders, catalog, worker to 5432/tcp", ["shop-db-1"]),
        ];
        shop.Rules.Add(rules.Select(rule => new RuleInfo { Name = rule.Name, File = shop.File, Line = rule.Line, Description = rule.Text, Endpoints = { rule.About } }));
        agent.Policies.Add(shop);
        for (int i = 0; i < rules.Length; i++)
        {
            foreach (RecordedFlow flow in agent.Record.Where(flow => flow.Flow.Rule is not null).Skip(i * 3).Take(3))
            {
                flow.Flow.Rule = new RuleInfo { Name = rules[i].Name, File = shop.File, Line = rules[i].Line };
            }
        }

        agent.Apply = _ => new ApplyPolicyResponse
        {
            Documents = { new DocumentChange { Name = "db-clients", Change = "changed", Kind = "policy", Rules = 1 } },
            Changes =
            {
                new AccessChange { From = "com.docker.compose.service=catalog", To = "com.docker.compose.service=db", Ports = "5432/tcp", AllowedBefore = true, Before = "allowed", After = "denied" },
                new AccessChange { From = "com.docker.compose.service=worker", To = "com.docker.compose.service=db", Ports = "5432/tcp", AllowedBefore = true, Before = "allowed", After = "denied" },
            },
        };
        Stack stack = Stack.Shops();
        agent.Try = _ => new TryPolicyResponse
        {
            Documents = { new DocumentChange { Name = "db-clients", Change = "changed", Kind = "policy", Rules = 1 } },
            Flows = 18204, Refused = 8126, Unchanged = 10078, First = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTime(DateTime.UtcNow.AddHours(-23)), Last = Google.Protobuf.WellKnownTypes.Timestamp.FromDateTime(DateTime.UtcNow),
            Groups =
            {
                new TriedFlows { Outcome = "refused", Source = stack.Ends["shop-catalog-1"], Destination = stack.Ends["shop-db-1"], Port = "5432/tcp", Count = 7224, Text = "ingress: denied, no rule allows it", NearestText = "nearest is db-clients at draft.yaml:4: it allows from com.docker.compose.service=orders, not from com.docker.compose.service=catalog" },
                new TriedFlows { Outcome = "refused", Source = stack.Ends["shop-worker-1"], Destination = stack.Ends["shop-db-1"], Port = "5432/tcp", Count = 902, Text = "ingress: denied, no rule allows it", NearestText = "nearest is db-clients at draft.yaml:4: it allows from com.docker.compose.service=orders, not from com.docker.compose.service=worker" },
            },
        };
        agent.Explain = request => new ExplainPolicyResponse
        {
            From = request.From, To = request.To, Port = request.Port, Allowed = false,
            Egress = new EndJudgement { Allowed = true, Text = "allowed, no rule puts egress of this endpoint under policy" },
            Ingress = new EndJudgement { Enforced = true, Text = "denied, no rule allows it", NearestText = "nearest is db-clients at /etc/weir/policies/shop.yaml:31: it allows from com.docker.compose.service=orders, not from com.docker.compose.service=ghost" },
        };
    }
}
