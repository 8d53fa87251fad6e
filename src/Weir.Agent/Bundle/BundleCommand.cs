// SPDX-License-Identifier: Apache-2.0

using System.CommandLine;
using System.Formats.Tar;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Weir.Cli;

namespace Weir.Agent.Bundle;

/// <summary>"weir bundle": what a maintainer needs to see, in one archive, secrets left out.</summary>
internal static class BundleCommand
{
    internal static Command Build()
    {
        var command = new Command("bundle", "Write what a maintainer needs to see into one archive, without secrets (as root, whether the agent runs or not).");
        var file = new Option<string?>("--file", "-f") { Description = "the archive; weir-bundle-HOST-TIME.tar.gz in this folder if not given" };
        var noFlows = new Option<bool>("--no-flows") { Description = "without what was dropped and refused in the last hour, which names containers, addresses and paths" };
        command.Options.Add(file);
        command.Options.Add(noFlows);
        var flags = new AgentFlags(command, setting => setting.Name == "socket");
        command.SetAction(parsed =>
        {
            if (!Environment.IsPrivilegedProcess)
            {
                Console.Error.WriteLine("weir bundle: reading the kernel's state needs root: run 'sudo weir bundle'");
                return ExitCodes.Failed;
            }

            string path = parsed.GetValue(file) ?? string.Create(
                CultureInfo.InvariantCulture, $"weir-bundle-{Environment.MachineName}-{DateTime.UtcNow:yyyyMMdd-HHmmss}.tar.gz");
            if (File.Exists(path) || Directory.Exists(path))
            {
                Console.Error.WriteLine($"weir bundle: {path} exists; give another --file or remove it");
                return ExitCodes.BadInput;
            }

            if (Path.GetDirectoryName(Path.GetFullPath(path)) is not { } place || !Directory.Exists(place))
            {
                Console.Error.WriteLine($"weir bundle: {path}: there is no such folder; make it or give another --file");
                return ExitCodes.BadInput;
            }

            string settings = flags.FileOf(parsed);
            if (settings != AgentConfig.DefaultFile && !File.Exists(settings))
            {
                Console.Error.WriteLine($"weir bundle: --config {settings}: there is no such file");
                return ExitCodes.BadInput;
            }

            try
            {
                // Settings that are wrong may be why somebody asks for help: they are said, and the rest is still there.
                string? socket = flags.Read(parsed, "weir bundle")?.Socket ?? parsed.GetValue(GlobalOptions.Socket);
                string manifest = Write(path, new BundleReader(socket), BundlePart.All(settings, !parsed.GetValue(noFlows)));
                Console.WriteLine(GlobalOptions.IsJson(parsed)
                    ? manifest
                    : $"{path}: {new FileInfo(path).Length / 1024} KB. Headers' values, passwords and tokens are left out; names and addresses are in it: look before you send it.");
                return ExitCodes.Fine;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Console.Error.WriteLine($"weir bundle: {path} cannot be written: {e.Message}");
                return ExitCodes.Failed;
            }
        });
        return command.WithExample("sudo weir bundle", "sudo weir bundle --no-flows --file /tmp/weir.tar.gz", "sudo weir bundle --config /etc/weir/other.yaml");
    }

    /// <summary>Returns the manifest, which is in the archive too.</summary>
    private static string Write(string path, BundleReader reader, IEnumerable<BundlePart> parts)
    {
        string folder = Path.GetFileNameWithoutExtension(Path.GetFileNameWithoutExtension(path)) + "/";
        string half = path + ".part";
        using var manifest = new MemoryStream();
        try
        {
            using (var file = new FileStream(half, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
            using (var packed = new GZipStream(file, CompressionLevel.Optimal))
            using (var tar = new TarWriter(packed, TarEntryFormat.Ustar))
            {
                using (var json = new Utf8JsonWriter(manifest, new JsonWriterOptions { Indented = true }))
                {
                    json.WriteStartArray();
                    foreach (BundlePart part in parts)
                    {
                        BundleText read = reader.Read(part);
                        byte[] bytes = Encoding.UTF8.GetBytes(read.Text);
                        json.WriteStartObject();
                        json.WriteString("file", part.File);
                        json.WriteString("what", part.What);
                        json.WriteNumber("bytes", bytes.Length);
                        if (read.Problem is not null)
                        {
                            json.WriteString("problem", read.Problem);
                        }

                        json.WriteEndObject();
                        Add(tar, folder + part.File, bytes);
                    }

                    json.WriteEndArray();
                }

                Add(tar, folder + "manifest.json", manifest.ToArray());
            }

            File.Move(half, path);
        }
        finally
        {
            File.Delete(half);
        }

        return Encoding.UTF8.GetString(manifest.ToArray());
    }

    private static void Add(TarWriter tar, string name, byte[] bytes)
    {
        using var data = new MemoryStream(bytes);
        tar.WriteEntry(new UstarTarEntry(TarEntryType.RegularFile, name) { DataStream = data, Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
    }
}
