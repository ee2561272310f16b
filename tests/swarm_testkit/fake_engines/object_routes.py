"""What a fake engine answers about images, volumes and networks."""

import json

from aiohttp import web

from swarm_testkit.fake_engines import lists
from swarm_testkit.fake_engines.objects import Json
from swarm_testkit.fake_engines.refusal import Refusal
from swarm_testkit.fake_engines.server import Answer, Call, Route, answer_empty, answer_json, route


async def list_images(call: Call) -> Answer:
    return answer_json(
        [one.line() for one in lists.kept_images(call.engine.images.values(), call.filters("images"))]
    )


async def inspect_image(call: Call) -> Answer:
    return answer_json(call.engine.image(call.words["name"]).whole())


async def image_history(call: Call) -> Answer:
    one = call.engine.image(call.words["name"])
    return answer_json(
        [
            {
                "Id": one.id,
                "Created": int(one.created),
                "CreatedBy": "",
                "Tags": one.tags,
                "Size": one.size,
                "Comment": "",
            }
        ]
    )


async def pull(call: Call) -> Answer:
    """Refused before the first line; progress, and then what it came to."""
    repository = call.query.get("fromImage", "")
    tag = call.query.get("tag") or ("" if ":" in repository.rpartition("/")[2] else "latest")
    name = f"{repository}:{tag}" if tag else repository
    image = call.engine.pull(name)
    lines: list[Json] = [
        {"status": f"Pulling from {repository}", "id": tag},
        {"status": "Pull complete", "progressDetail": {}, "id": image.id[7:19]},
        {"status": f"Digest: {image.id}"},
        {"status": f"Status: Downloaded newer image for {name}"},
    ]
    body = "".join(json.dumps(line) + "\r\n" for line in lines).encode()
    return web.Response(body=body, content_type="application/json")


async def image_platforms(call: Call) -> Answer:
    """As its registry tells."""
    found = call.engine.platforms.get(call.words["name"])
    if found is None:
        raise Refusal(403, "errors: denied: requested access to the resource is denied")
    return answer_json(
        {
            "Descriptor": {},
            "Platforms": [{"os": os, "architecture": architecture} for os, architecture in found],
        }
    )


async def load_images(call: Call) -> Answer:
    """What is sent is names, one on a line."""
    names = b"".join([piece async for piece in call.request.content.iter_any()]).decode().split()
    for name in names:
        call.engine.add_image(name)
    body = "".join(json.dumps({"stream": f"Loaded image: {name}\n"}) + "\r\n" for name in names)
    return web.Response(body=body.encode(), content_type="application/json")


async def save_images(call: Call) -> Answer:
    """The names, one on a line."""
    names = call.request.query.getall("names")
    for name in names:
        call.engine.image(name)
    return web.Response(body="\n".join(names).encode(), content_type="application/x-tar")


async def tag_image(call: Call) -> Answer:
    name = f"{call.query['repo']}:{call.query.get('tag') or 'latest'}"
    call.engine.tag(call.engine.image(call.words["name"]), name)
    return answer_empty(201)


async def remove_image(call: Call) -> Answer:
    return answer_json(call.engine.remove_image(call.words["name"], force=call.flag("force")))


async def list_volumes(call: Call) -> Answer:
    engine = call.engine
    used = {str(mount.get("Name")) for one in engine.containers.values() for mount in one.mounts}
    found = lists.kept_volumes(engine.volumes.values(), call.filters("volumes"), used)
    return answer_json({"Volumes": [one.whole() for one in found], "Warnings": None})


async def create_volume(call: Call) -> Answer:
    return answer_json(call.engine.create_volume(await call.body()).whole(), 201)


async def inspect_volume(call: Call) -> Answer:
    return answer_json(call.engine.volume(call.words["name"]).whole())


async def remove_volume(call: Call) -> Answer:
    call.engine.remove_volume(call.words["name"])
    return answer_empty()


async def list_networks(call: Call) -> Answer:
    found = lists.kept_networks(call.engine.networks.values(), call.filters("networks"))
    return answer_json([one.whole() for one in found])


async def create_network(call: Call) -> Answer:
    return answer_json({"Id": call.engine.create_network(await call.body()).id, "Warning": ""}, 201)


async def inspect_network(call: Call) -> Answer:
    return answer_json(call.engine.network(call.words["name"]).whole(with_containers=True))


async def remove_network(call: Call) -> Answer:
    call.engine.remove_network(call.words["name"])
    return answer_empty()


async def prune_images(call: Call) -> Answer:
    """Those without a name; with `dangling=false` every one that no container uses."""
    engine = call.engine
    only_nameless = "false" not in call.prune_filters().get("dangling", ())
    used = {one.image.id for one in engine.containers.values()}
    gone = [one for one in engine.images.values() if one.id not in used and not (only_nameless and one.tags)]
    done = [line for one in gone for line in engine.remove_image(one.id)]
    size = sum(one.size for one in gone)
    engine.tell("image", "prune", "", {"reclaimed": str(size)})
    return answer_json({"ImagesDeleted": done or None, "SpaceReclaimed": size})


async def prune_volumes(call: Call) -> Answer:
    engine = call.engine
    gone = [name for name in engine.volumes if not lists.users_of(engine.containers, name)]
    for name in gone:
        engine.remove_volume(name)
    engine.tell("volume", "prune", "", {"reclaimed": "0"})
    return answer_json({"VolumesDeleted": gone, "SpaceReclaimed": 0})


async def prune_networks(call: Call) -> Answer:
    engine = call.engine
    gone = [
        one.name
        for one in engine.networks.values()
        if one.name not in ("bridge", "host", "none") and not one.containers
    ]
    for name in gone:
        engine.remove_network(name)
    engine.tell("network", "prune", "", {"reclaimed": "0"})
    return answer_json({"NetworksDeleted": gone or None})


def routes() -> list[Route]:
    """In the order in which they are tried."""
    return [
        route("GET", "/images/json", list_images),
        route("POST", "/images/create", pull),
        route("POST", "/images/prune", prune_images),
        route("POST", "/images/load", load_images),
        route("GET", "/images/get", save_images),
        route("GET", "/distribution/{name}/json", image_platforms),
        route("GET", "/images/{name}/json", inspect_image),
        route("GET", "/images/{name}/history", image_history),
        route("POST", "/images/{name}/tag", tag_image),
        route("DELETE", "/images/{name}", remove_image),
        route("GET", "/volumes", list_volumes),
        route("POST", "/volumes/create", create_volume),
        route("POST", "/volumes/prune", prune_volumes),
        route("GET", "/volumes/{name}", inspect_volume),
        route("DELETE", "/volumes/{name}", remove_volume),
        route("GET", "/networks", list_networks),
        route("POST", "/networks/create", create_network),
        route("POST", "/networks/prune", prune_networks),
        route("GET", "/networks/{name}", inspect_network),
        route("DELETE", "/networks/{name}", remove_network),
    ]
