// SPDX-License-Identifier: Apache-2.0
using Weir.Policy.Reading;

namespace Weir.Services.Reading;

/// <summary>Reads a whole file of services.</summary>
internal sealed class ServicesReader(ReadContext context)
{
    private const int MostServices = 16384;

    private static readonly FieldSet _file = new("a file of services", ["services"], []);

    private readonly List<ServiceSpec> _services = [];
    private readonly List<ServiceNodes> _places = [];

    public IReadOnlyList<ServiceSpec> Read(string text)
    {
        foreach (var document in new YamlReader(context).Read(text.TrimStart('\uFEFF')))
        {
            if (!document.Root.IsNull)
            {
                ReadDocument(document.Root);
            }
        }

        if (_services.Count == 0 && !context.HasErrors)
        {
            context.Error(context.Location(1, 1), "the file has no service in it");
        }

        foreach (var clash in ServiceRules.CheckTogether(_services))
        {
            context.Error(_places[clash.Service].Of(clash.Field, clash.Index), clash.Message);
        }

        return _services;
    }

    private void ReadDocument(Node root)
    {
        if (Mistaken(root) is { } what)
        {
            context.Error(root, what);
            return;
        }

        if (Fields.Of(context, root, _file) is not { } fields)
        {
            return;
        }

        if (fields["services"] is not { } list)
        {
            context.Error(root, "services is missing: the list of services");
            return;
        }

        var reader = new ServiceReader(context);
        foreach (var item in context.List(list, "services"))
        {
            if (_services.Count == MostServices)
            {
                context.Error(item, $"more than {MostServices} services");
                return;
            }

            if (reader.Read(item) is var (service, places))
            {
                _services.Add(service);
                _places.Add(places);
            }
        }
    }

    /// <summary>What it is, where somebody took another kind of file for one of services.</summary>
    private static string? Mistaken(Node root)
    {
        var mapping = root is { Kind: NodeKind.List, Items.Count: > 0 } ? root.Items[0] : root;
        if (mapping.Kind != NodeKind.Mapping)
        {
            return null;
        }

        var kind = mapping.Fields.Find(field => field.Key.Text == "kind").Value?.Text;
        if (kind?.EndsWith("Policy", StringComparison.Ordinal) == true || mapping.Fields.Exists(field => field.Key.Text is "endpointSelector" or "nodeSelector"))
        {
            return "this is a policy: 'weir policy apply' takes it";
        }

        return kind is null ? null : $"this is an object of Kubernetes, kind {kind}: a file of services is a mapping with a list \"services\"";
    }
}
