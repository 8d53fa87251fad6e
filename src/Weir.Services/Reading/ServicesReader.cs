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
}
