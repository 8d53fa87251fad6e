// SPDX-License-Identifier: Apache-2.0

using System.IO.Compression;
using System.Reflection;
using Weir.AbiGen;
using Weir.Bpf.Btf;

// Weir.AbiGen [--check] [repository]: writes src/Weir.Datapath/Abi/*.g.cs and docs/reference/drop-reasons.md from the BTF of bpf/abi and
// of the endpoint's program. With --check it writes nothing and fails if something would change.
bool check = args.Contains("--check");
string root = args.FirstOrDefault(a => a != "--check") ?? Directory.GetCurrentDirectory();
string headers = Path.Combine(root, "bpf", "abi");
string target = Path.Combine(root, "src", "Weir.Datapath", "Abi");
if (!Directory.Exists(headers))
{
    Console.Error.WriteLine($"{root} is not the repository: it has no bpf/abi. Name it as argument.");
    return 2;
}

BtfReader abi = ReadTypes("abi.bpf.o");
HeaderComments comments = HeaderComments.Read(headers);
Dictionary<string, string> files = new CodeWriter(abi, ReadTypes("endpoint.bpf.o"), comments).Write();
files[Path.Combine("..", "..", "..", "docs", "reference", "drop-reasons.md")] = DropReasonPage.Write(abi, comments);
int differences = 0;
Directory.CreateDirectory(target);
foreach (string stale in Directory.GetFiles(target, "*.g.cs").Where(path => !files.ContainsKey(Path.GetFileName(path))))
{
    differences++;
    Console.WriteLine($"{Path.GetFileName(stale)}: no longer generated");
    if (!check)
    {
        File.Delete(stale);
    }
}

foreach ((string name, string text) in files.OrderBy(f => f.Key, StringComparer.Ordinal))
{
    string path = Path.Combine(target, name);
    if (File.Exists(path) && File.ReadAllText(path) == text)
    {
        continue;
    }

    differences++;
    Console.WriteLine(check ? $"{name}: not what bpf/abi says" : $"{name}: written");
    if (!check)
    {
        File.WriteAllText(path, text);
    }
}

if (check && differences > 0)
{
    Console.Error.WriteLine("The C# of the ABI is stale: dotnet run --project tools/Weir.AbiGen");
    return 1;
}

return 0;

static BtfReader ReadTypes(string resource)
{
    using Stream packed = Assembly.GetExecutingAssembly().GetManifestResourceStream(resource + ".gz")
        ?? throw new InvalidOperationException($"resource {resource}.gz is missing");
    using var stream = new GZipStream(packed, CompressionMode.Decompress);
    using var copy = new MemoryStream();
    stream.CopyTo(copy);
    return BtfReader.FromElf(copy.GetBuffer().AsSpan(0, (int)copy.Length));
}
