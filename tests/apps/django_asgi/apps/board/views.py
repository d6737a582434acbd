from django.http import HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from apps.board.models import Note

VERSION = "1"


async def home(request):
    return JsonResponse({"version": VERSION})


async def healthz(request):
    await Note.objects.acount()
    return HttpResponse("ok")


@csrf_exempt
async def notes(request):
    if request.method == "POST":
        await Note.objects.acreate(text=request.body.decode())
        return HttpResponse(status=201)
    texts = [note.text async for note in Note.objects.order_by("id")]
    return JsonResponse(texts, safe=False)
