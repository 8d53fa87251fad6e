// SPDX-License-Identifier: Apache-2.0

using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using Weir.Control;
using Weir.Control.Cluster;
using Weir.Control.State;
using Weir.Net;

namespace Weir.Docker;

/// <summary>Docker's API, as far as it is needed: networks, containers' labels, events.</summary>
/// <remarks>While a container starts, dockerd holds its lock and waits for this driver: whoever a call of the driver's
/// waits for never asks for /containers/{id}/json.</remarks>
public sealed class DockerClient : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(5);

    private readonly HttpClient _http;

    /// <param name="socket">Where dockerd answers.</param>
    public DockerClient(string socket) => _http = new HttpClient(new SocketsHttpHandler
    {
        UseProxy = false,
        ConnectCallback = async (_, cancel) =>
        {
            var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await connection.ConnectAsync(new UnixDomainSocketEndPoint(socket), cancel);
                return new NetworkStream(connection, ownsSocket: true);
            }
            catch (SocketException e)
            {
                connection.Dispose();

                // The framework's word for a socket that is not there is "cannot assign requested address".
                throw new IOException($"Docker does not answer on {socket}: {(e.SocketErrorCode == SocketError.AddressNotAvailable ? "there is no such socket" : e.Message)}", e);
            }
            catch
            {
                connection.Dispose();
                throw;
            }
        },
    })
    {
        BaseAddress = new Uri("http://docker"),
        Timeout = Timeout.InfiniteTimeSpan,
    };

    /// <summary>All networks of the driver "weir", with the endpoints in use.</summary>
    internal async Task<IReadOnlyList<RuntimeNetwork>> ListNetworksAsync(CancellationToken cancel)
    {
        using JsonDocument list = await GetAsync("/networks?filters={\"driver\":[\"weir\"]}", cancel);
        List<RuntimeNetwork> networks = [];
        foreach (string id in list.RootElement.EnumerateArray().Select(network => network.GetProperty("Id").GetString()!))
        {
            if (await GetNetworkAsync(id, only: null, cancel) is { } network)
            {
                networks.Add(network);
            }
        }

        return networks;
    }

    /// <summary>Networks of the driver "weir" that are shared by all nodes: their names there, with Docker's ids.</summary>
    internal async Task<IReadOnlyList<(string Shared, string Id)>> ListSharedNetworksAsync(CancellationToken cancel)
    {
        using JsonDocument list = await GetAsync("/networks?filters={\"driver\":[\"weir\"]}", cancel);
        return
        [
            .. list.RootElement.EnumerateArray()
                .Select(network => (TextOf(network.GetProperty("Options"), Network.SharedOption), network.GetProperty("Id").GetString()!))
                .Where(network => network.Item1.Length > 0),
        ];
    }

    /// <summary>Makes a network that all nodes have on this one.</summary>
    /// <exception cref="HttpRequestException">Docker refuses; its words are in the message.</exception>
    internal async Task CreateSharedNetworkAsync(NetworkRecord network, CancellationToken cancel)
    {
        var options = new JsonObject { [Network.SharedOption] = network.Name };
        if (network.Mtu is { } mtu)
        {
            options[NetworkDriver.MtuOption] = mtu.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        var body = new JsonObject
        {
            ["Name"] = network.Name,
            ["Driver"] = "weir",
            ["Internal"] = network.IsInternal,
            ["EnableIPv6"] = network.Ranges.Any(range => range.IsIpv6),
            ["Options"] = options,
            ["IPAM"] = new JsonObject
            {
                ["Driver"] = "weir",
                ["Options"] = new JsonObject { [Network.SharedOption] = network.Name },
                ["Config"] = new JsonArray([.. network.Ranges.Select(range => new JsonObject { ["Subnet"] = range.ToString() })]),
            },
        };
        using var content = new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _http.PostAsync("/networks/create", content, cancel);
        await RequireAsync(response, cancel);
    }

    /// <summary>Takes a network from this node.</summary>
    /// <exception cref="HttpRequestException">Docker refuses, for containers are on it; its words are in the message.</exception>
    internal async Task RemoveNetworkAsync(string id, CancellationToken cancel)
    {
        using HttpResponseMessage response = await _http.DeleteAsync($"/networks/{id}", cancel);
        await RequireAsync(response, cancel);
    }

    private static async Task RequireAsync(HttpResponseMessage response, CancellationToken cancel)
    {
        if (!response.IsSuccessStatusCode)
        {
            string text = await response.Content.ReadAsStringAsync(cancel);
            throw new HttpRequestException(text.TrimStart().StartsWith('{') && JsonNode.Parse(text)?["message"]?.GetValue<string>() is { } message ? message : $"{(int)response.StatusCode} {response.ReasonPhrase}");
        }
    }

    /// <summary>Docker's own bridges on this host: device and range of each.</summary>
    internal async Task<IReadOnlyList<(string Device, IpPrefix Range)>> ListBridgesAsync(CancellationToken cancel)
    {
        using JsonDocument list = await GetAsync("/networks?filters={\"driver\":[\"bridge\"]}", cancel);
        List<(string, IpPrefix)> bridges = [];
        foreach (JsonElement network in list.RootElement.EnumerateArray())
        {
            string device = network.GetProperty("Options") is { ValueKind: JsonValueKind.Object } options
                && options.TryGetProperty("com.docker.network.bridge.name", out JsonElement name) ? name.GetString()! : $"br-{network.GetProperty("Id").GetString()![..12]}";
            if (network.GetProperty("IPAM").GetProperty("Config") is { ValueKind: JsonValueKind.Array } ranges)
            {
                bridges.AddRange(ranges.EnumerateArray()
                    .Where(range => range.TryGetProperty("Subnet", out JsonElement subnet) && IpPrefix.TryParse(subnet.GetString(), out _))
                    .Select(range => (device, IpPrefix.Parse(range.GetProperty("Subnet").GetString()!))));
            }
        }

        return bridges;
    }

    /// <summary>A network with its endpoints; null if it is gone.</summary>
    /// <param name="only">The one endpoint that is asked about; null: all.</param>
    internal async Task<RuntimeNetwork?> GetNetworkAsync(string id, string? only, CancellationToken cancel)
    {
        JsonDocument document;
        try
        {
            document = await GetAsync($"/networks/{id}", cancel);
        }
        catch (HttpRequestException e) when (e.StatusCode == System.Net.HttpStatusCode.NotFound)
        {
            return null;
        }

        using (document)
        {
            Dictionary<string, string> containerOf = document.RootElement.GetProperty("Containers").EnumerateObject()
                .Select(container => (Endpoint: container.Value.GetProperty("EndpointID").GetString()!, container.Name))
                .Where(container => only is null || container.Endpoint == only)
                .DistinctBy(container => container.Endpoint)
                .ToDictionary(container => container.Endpoint, container => container.Name);
            Dictionary<string, Workload> workloads = await GetWorkloadsAsync([.. containerOf.Values], cancel);
            return new RuntimeNetwork(
                id,
                document.RootElement.GetProperty("Name").GetString() ?? "",
                containerOf.Where(pair => workloads.ContainsKey(pair.Value)).ToDictionary(pair => pair.Key, pair => workloads[pair.Value]),
                ShapeOf(document.RootElement));
        }
    }

    /// <summary>A container; null if it does not run any more.</summary>
    internal async Task<Workload?> GetWorkloadAsync(string id, CancellationToken cancel) => (await GetWorkloadsAsync([id], cancel)).GetValueOrDefault(id);

    /// <summary>Whether there is a container of a network that was never started.</summary>
    /// <param name="name">Empty: not known; then a container of any network counts.</param>
    internal async Task<bool> HasNewContainerAsync(string id, string name, CancellationToken cancel)
    {
        using JsonDocument list = await GetAsync("/containers/json?all=1&filters={\"status\":[\"created\"]}", cancel);
        return list.RootElement.EnumerateArray().Any(container => name.Length == 0 || container.GetProperty("NetworkSettings").GetProperty("Networks")
            .EnumerateObject().Any(network => network.Name == name || network.Name == id || network.Value.GetProperty("NetworkID").GetString() == id));
    }

    /// <summary>What networks know a container by, beside its own name, by endpoint. Answered once the container has started.</summary>
    internal async Task<IReadOnlyList<(string Endpoint, IReadOnlyList<string> Aliases)>> GetAliasesAsync(string container, CancellationToken cancel)
    {
        const int ShortId = 12; // Docker's own alias of every container
        using JsonDocument document = await GetAsync($"/containers/{container}/json", cancel);
        string id = document.RootElement.GetProperty("Id").GetString() ?? "";
        List<(string, IReadOnlyList<string>)> aliases = [];
        foreach (JsonProperty network in document.RootElement.GetProperty("NetworkSettings").GetProperty("Networks").EnumerateObject())
        {
            // DNSNames has the host name, too, and is not there before Docker 25.
            IEnumerable<string> names = TextsOf(network.Value, "DNSNames").Concat(TextsOf(network.Value, "Aliases"));
            aliases.Add((TextOf(network.Value, "EndpointID"), [.. names.Where(name => !(name.Length == ShortId && id.StartsWith(name, StringComparison.Ordinal))).Distinct()]));
        }

        return aliases;
    }

    /// <summary>Runs until the stream ends; calls back when it is up and for every event, with what happened, to whom (a network, a
    /// container), and to which of its containers.</summary>
    internal async Task FollowEventsAsync(Func<Task> connected, Func<string, string, string, Task> happened, CancellationToken cancel)
    {
        using HttpResponseMessage response = await _http.GetAsync(
            "/events?filters={\"type\":[\"network\",\"container\"],\"event\":[\"connect\",\"disconnect\",\"destroy\",\"rename\"]}",
            HttpCompletionOption.ResponseHeadersRead,
            cancel);
        response.EnsureSuccessStatusCode();
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(cancel));
        await connected();
        while (await lines.ReadLineAsync(cancel) is { } line)
        {
            if (line.Length > 0)
            {
                using JsonDocument e = JsonDocument.Parse(line);
                JsonElement actor = e.RootElement.GetProperty("Actor");
                await happened(
                    e.RootElement.GetProperty("Action").GetString() ?? "",
                    actor.GetProperty("ID").GetString() ?? "",
                    actor.TryGetProperty("Attributes", out JsonElement attributes) ? TextOf(attributes, "container") : "");
            }
        }
    }

    public void Dispose() => _http.Dispose();

    /// <summary>As the driver was told when the network was made.</summary>
    private static NetworkShape? ShapeOf(JsonElement network)
    {
        JsonElement ipam = network.GetProperty("IPAM");
        if (ipam.GetProperty("Driver").GetString() != "weir" || ipam.GetProperty("Config") is not { ValueKind: JsonValueKind.Array } ranges)
        {
            return null;
        }

        JsonElement options = network.GetProperty("Options");
        List<Subnet> subnets = [];
        foreach (JsonElement range in ranges.EnumerateArray())
        {
            if (!IpPrefix.TryParse(TextOf(range, "Subnet"), out IpPrefix? pool))
            {
                return null;
            }

            // Docker does not repeat a gateway that it was given for a --subnet.
            subnets.Add(IpPrefix.TryParse(TextOf(range, "Gateway"), out IpPrefix? gateway)
                ? new Subnet(pool.Masked, gateway.Address)
                : Subnet.WithUsualGateway(pool));
        }

        return new NetworkShape(
            network.GetProperty("Internal").GetBoolean(),
            TextOf(options, Network.RoutedOption) == "true",
            int.TryParse(TextOf(options, NetworkDriver.MtuOption), out int mtu) ? mtu : null,
            subnets,
            TextOf(options, Network.SharedOption) is { Length: > 0 } shared ? shared : null);
    }

    private static string TextOf(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement text) ? text.GetString() ?? "" : "";

    private static IEnumerable<string> TextsOf(JsonElement element, string name) =>
        element.TryGetProperty(name, out JsonElement texts) && texts.ValueKind == JsonValueKind.Array ? texts.EnumerateArray().Select(text => text.GetString() ?? "") : [];

    private async Task<Dictionary<string, Workload>> GetWorkloadsAsync(IReadOnlyCollection<string> ids, CancellationToken cancel)
    {
        if (ids.Count == 0)
        {
            return [];
        }

        string filter = $"{{\"id\":[{string.Join(',', ids.Select(id => $"\"{id}\""))}]}}";
        using JsonDocument list = await GetAsync($"/containers/json?all=1&filters={Uri.EscapeDataString(filter)}", cancel);
        Dictionary<string, Workload> workloads = [];
        foreach (JsonElement container in list.RootElement.EnumerateArray())
        {
            Workload workload = Read(container);
            string image = container.GetProperty("ImageID").GetString()!;
            workloads[workload.Id] = workload with
            {
                Doors = await FindLabelAsync(workload, Workload.PublishLabelKey, image, cancel),
                Claims = await FindLabelAsync(workload, Workload.AddressesLabelKey, image, cancel),
            };
        }

        return workloads;
    }

    private async Task<WorkloadLabel?> FindLabelAsync(Workload workload, string key, string image, CancellationToken cancel) =>
        workload.Labels.GetValueOrDefault(key) is { } text ? new WorkloadLabel(text, await HasImageLabelAsync(image, key, text, cancel)) : null;

    /// <summary>Docker adds an image's labels to a container's, and does not tell which is whose.</summary>
    private async Task<bool> HasImageLabelAsync(string image, string key, string text, CancellationToken cancel)
    {
        try
        {
            using JsonDocument document = await GetAsync($"/images/{Uri.EscapeDataString(image)}/json", cancel);
            return document.RootElement.GetProperty("Config") is { ValueKind: JsonValueKind.Object } config
                && config.TryGetProperty("Labels", out JsonElement labels) && labels.ValueKind == JsonValueKind.Object
                && labels.TryGetProperty(key, out JsonElement own) && own.GetString() == text;
        }
        catch (HttpRequestException e) when (e.StatusCode == System.Net.HttpStatusCode.NotFound)
        {
            return true; // nobody can tell any more
        }
    }

    private static Workload Read(JsonElement container)
    {
        Dictionary<string, string> labels = container.GetProperty("Labels").EnumerateObject()
            .ToDictionary(label => label.Name, label => label.Value.GetString() ?? "");

        // Links add names such as "/web/db": its own has one slash.
        string name = container.GetProperty("Names").EnumerateArray().Select(n => n.GetString()!)
            .Where(n => n.LastIndexOf('/') == 0).Select(n => n[1..]).FirstOrDefault() ?? "";
        string id = container.GetProperty("Id").GetString()!;
        return new Workload(id, name.Length > 0 ? name : id[..12], container.GetProperty("Image").GetString() ?? "", labels);
    }

    private async Task<JsonDocument> GetAsync(string path, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(_patience);
        using HttpResponseMessage response = await _http.GetAsync(path, patience.Token);
        response.EnsureSuccessStatusCode();
        return await JsonDocument.ParseAsync(await response.Content.ReadAsStreamAsync(patience.Token), default, patience.Token);
    }
}
